"""Runs that several cases want, and that are made once."""

from collections import defaultdict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Result = TypeVar("Result")


class SharedRuns(Generic[Key, Result]):
    """Results by what was run. Whoever asks while a run is under way waits for it."""

    def __init__(self) -> None:
        self._results: dict[Key, Result] = {}
        self._locks: defaultdict[Key, Lock] = defaultdict(Lock)

    def of(self, key: Key, run: Callable[[], Result]) -> Result:
        """The result for `key`, by `run` where there is none yet."""
        with self._locks[key]:
            if key not in self._results:
                self._results[key] = run()
            return self._results[key]
