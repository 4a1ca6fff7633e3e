"""Runs steps through captured graphs, for any program whose steps read static inputs.

    first sightings of a key: warm up eagerly  ->  next: capture, replay  ->  from then on: replay

Note [who owns an output]
    Each graph captures into a pool of its own unless the runner was given one. An output therefore stays valid until
    the next replay *of the same key*. Graphs that share a pool save memory, but then the replay of any of them may
    overwrite the outputs of all: copy an output before the next replay of anything.

Note [capture executes nothing]
    After a capture the device has done no work and the output holds garbage. `run` replays right away, so that the
    call that captures is also a step.
"""

import os
from collections import Counter
from collections.abc import Callable, Hashable
from typing import Any, Final, cast

import torch

from imp_engine.errors import ConfigError, GraphError
from imp_engine.graph import CapturedGraph, CaptureStream, Output, Result, graph_module
from imp_engine.hooks import Hooks
from imp_engine.runner import Counters

CAPTURE_MODES: Final = ("global", "relaxed", "thread_local")


class GraphRunner:
    """Warm-up, capture and replay of steps, filed under keys. Not thread-safe: one runner, one thread.

    hooks: told of captures, replays, fallbacks and invalidations. capture_mode: one of `CAPTURE_MODES`; None reads
    `IMP_GRAPH_CAPTURE_MODE`, else `global`. warmups: eager runs of a key before its capture. enabled: None reads
    `IMP_PREFILL_GRAPH` (`1` or `0`), else on. pool: see Note [who owns an output].
    """

    def __init__(
        self,
        device: torch.device,
        *,
        hooks: Hooks | None = None,
        capture_mode: str | None = None,
        warmups: int = 1,
        enabled: bool | None = None,
        pool: Any | None = None,
    ) -> None:
        self.device = device
        self.hooks = hooks or Hooks()
        self.capture_mode = capture_mode_from_environment() if capture_mode is None else capture_mode
        if self.capture_mode not in CAPTURE_MODES:
            raise ConfigError(
                f"The capture mode is {self.capture_mode!r}; allowed are {', '.join(CAPTURE_MODES)}."
            )
        self.warmups = warmups
        self.pool = pool
        self.captured: dict[Hashable, CapturedGraph] = {}
        self.counters = Counters()
        self._closed = self._condition_for_all(enabled)
        self._failed: dict[Hashable, str] = {}
        self._warmed: Counter[Hashable] = Counter()
        module = graph_module(device)
        self._side = None if module is None else CaptureStream(device, module)

    def run(self, key: Hashable, forward: Callable[[], Result]) -> Result:
        """One step: a warm-up, a capture and its first replay, a replay, or an eager fallback."""
        condition = self.closed(key)
        if condition is not None:
            return self.fall_back(key, condition, forward)
        if key not in self.captured:
            if self._warmed[key] < self.warmups:
                return self.warm(key, forward)
            try:
                self.capture(key, forward)
            except (
                RuntimeError
            ) as error:  # torch's errors; anything else is a defect of the program and goes up
                return self.fall_back(key, self._note_failure(key, error), forward)
        return cast(Result, self.replay(key))  # the key promises that it is the output of this step

    def closed(self, key: Hashable) -> str | None:
        """The condition that keeps `key` from running as a graph; None if there is none."""
        return self._closed or self._failed.get(key)

    def fall_back(self, key: Hashable, condition: str, forward: Callable[[], Result]) -> Result:
        """Run eagerly because of `condition`, counted and announced."""
        self.counters.fallbacks[condition] += 1
        self.hooks.fallback(key, condition)
        return forward()

    def warm(self, key: Hashable, forward: Callable[[], Result]) -> Result:
        """Run eagerly where the capture will happen, so that everything lazy is initialised."""
        output = self._stream().run(forward)
        self._warmed[key] += 1
        self.counters.warmups += 1
        return output

    def capture(self, key: Hashable, forward: Callable[[], Output]) -> CapturedGraph:
        """Capture the step, executing nothing; a graph already filed under `key` is invalidated first.

        Raises the first error that happened inside the capture. The runner stays usable.
        """
        if key in self.captured:
            self.invalidate(key, reason="captured again")
        captured = self.capture_unfiled(key, forward)
        self.captured[key] = captured
        self.counters.captures += 1
        self.hooks.captured(captured)
        return captured

    def capture_unfiled(self, key: Hashable, forward: Callable[[], Output]) -> CapturedGraph:
        """Capture the step as `capture` does, for somebody who wants to read the graph: it is never replayed."""
        return self._stream().capture(key, forward, mode=self.capture_mode, pool=self.pool)

    def replay(self, key: Hashable) -> Output:
        """Launch the graph of `key` on the current stream. The output is rewritten; Note [who owns an output]."""
        captured = self.captured.get(key)
        if captured is None:
            raise GraphError(f"There is no graph of {key} to replay.", "Capture it first, or use run().")
        captured.graph.replay()
        captured.replays += 1
        self.counters.replays += 1
        self.hooks.replayed(captured)
        return captured.output

    def invalidate(self, key: Hashable | None = None, *, reason: str) -> None:
        """Drop the graph of `key`, or all graphs, before what they point at moves. A failed capture is forgiven.

        Waits for the device: a graph's memory may not be given back while a replay of it still runs.
        """
        keys = [key] if key is not None else [*self.captured, *self._failed]
        dropped = [self.captured.pop(key) for key in keys if key in self.captured]
        for key in keys:
            self._failed.pop(key, None)
        if dropped and self._side is not None:
            self._side.module.synchronize()
        for captured in dropped:
            captured.graph.reset()
            self.hooks.invalidated(captured.key, reason)

    def start_over(self, *, reason: str) -> None:
        """As after construction: no graph, no warm-up, no failure remembered. The counters go on."""
        self.invalidate(reason=reason)
        self._warmed.clear()

    def on_capture_stream(self, action: Callable[[], object]) -> None:
        """Run something that is no step, such as a prewarm, where captures will happen. Nothing without graphs."""
        if self._side is not None:
            self._side.run(action)

    def _condition_for_all(self, enabled: bool | None) -> str | None:
        """The condition that closes graphs for every key of this runner."""
        if enabled is None and not graphs_enabled_in_environment():
            return "graphs are off (IMP_PREFILL_GRAPH=0)"
        if enabled is False:
            return "graphs are off (enabled=False)"
        return "device has no graphs" if graph_module(self.device) is None else None

    def _note_failure(self, key: Hashable, error: RuntimeError) -> str:
        """Close `key` for good: a capture that failed once is not tried at every step."""
        first_line = next(iter(str(error).splitlines()), type(error).__name__)
        self._failed[key] = f"capture failed: {first_line}"
        return self._failed[key]

    def _stream(self) -> CaptureStream:
        if self._side is None:
            raise GraphError(f"Device {self.device} has no graphs.", "Use EagerRunner, or run().")
        return self._side


def capture_mode_from_environment() -> str:
    """`IMP_GRAPH_CAPTURE_MODE`, or `global`."""
    return os.environ.get("IMP_GRAPH_CAPTURE_MODE") or "global"


def graphs_enabled_in_environment() -> bool:
    """`IMP_PREFILL_GRAPH`, or on. Raises `ConfigError` for anything but 1 and 0."""
    value = os.environ.get("IMP_PREFILL_GRAPH") or "1"
    if value not in ("0", "1"):
        raise ConfigError(f"IMP_PREFILL_GRAPH = {value!r}; allowed are 1 and 0.")
    return value == "1"
