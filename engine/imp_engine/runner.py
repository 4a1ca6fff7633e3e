"""Who runs a step: eagerly, or through graphs (`graph_runner.py`)."""

from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Protocol

from imp_engine.graph import Result


@dataclass(slots=True)
class Counters:
    """How often a runner did what."""

    captures: int = 0
    replays: int = 0
    warmups: int = 0
    fallbacks: Counter[str] = field(default_factory=Counter)
    """Eager runs of steps for which a graph was asked, by the condition that closed."""


class Runner(Protocol):
    """Runs a program's steps. A step is a callable that reads static inputs only."""

    def run(self, key: Hashable, forward: Callable[[], Result]) -> Result:
        """Run the step once. Equal keys promise that the steps differ in device memory only."""
        ...

    def fall_back(self, key: Hashable, condition: str, forward: Callable[[], Result]) -> Result:
        """Run the step eagerly because of `condition`, which the program found by itself."""
        ...

    def invalidate(self, key: Hashable | None = None, *, reason: str) -> None:
        """Forget what depends on addresses that are about to change, for one key or for all."""
        ...


class EagerRunner:
    """Runs every step as it is written. There is nothing to fall back from, and nothing to invalidate."""

    def run(self, key: Hashable, forward: Callable[[], Result]) -> Result:
        """Run the step."""
        return forward()

    def fall_back(self, key: Hashable, condition: str, forward: Callable[[], Result]) -> Result:
        """Run the step."""
        return forward()

    def invalidate(self, key: Hashable | None = None, *, reason: str) -> None:
        """Do nothing."""
