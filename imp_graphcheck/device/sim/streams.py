"""Streams and events: torch's own classes, with the software GPU behind them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import torch

from imp_graphcheck.device.sim.gpu import Gpu, current_gpu
from imp_graphcheck.device.sim.work import EventState

BaseStream = torch.Stream
BaseEvent = torch.Event
_PRIVATE_USE_1 = 20


class _Current(threading.local):
    """What each thread launches on, and on which device that was meant."""

    stream: "SimStream | None" = None
    gpu: Gpu | None = None


_current = _Current()

_backward: list["SimStream"] = []
"""Where the backward passes that are under way were asked for, the last one last."""


class SimStream(BaseStream):
    """A stream of the software GPU. `stream_id` 0 is the default stream."""

    def __new__(cls, device: Any = None, priority: int = 0, *, stream_id: int | None = None) -> "SimStream":
        number = current_gpu().new_stream() if stream_id is None else stream_id
        return super().__new__(cls, stream_id=number, device_index=0, device_type=_PRIVATE_USE_1)

    def __init__(self, device: Any = None, priority: int = 0, *, stream_id: int | None = None) -> None:
        self._outer: list[SimStream] = []

    def synchronize(self) -> None:
        """Wait for everything queued here."""
        current_gpu().synchronize_stream(self.stream_id)

    def query(self) -> bool:
        """Whether everything queued here has run."""
        return current_gpu().query_stream(self.stream_id)

    def record_event(self, event: "SimEvent | None" = None) -> "SimEvent":  # type: ignore[override]
        """Record `event`, or a new one, behind what is queued here."""
        event = SimEvent() if event is None else event
        event.record(self)
        return event

    def wait_event(self, event: "SimEvent") -> None:  # type: ignore[override]
        """What is queued here from now on follows `event`."""
        current_gpu().wait_event(event.state, self.stream_id)

    def wait_stream(self, other: BaseStream) -> None:
        """What is queued here from now on follows what is queued on `other` now."""
        event = SimEvent()
        event.record(other)
        self.wait_event(event)

    def __enter__(self) -> "SimStream":
        self._outer.append(set_stream(self))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        set_stream(self._outer.pop())


class SimEvent(BaseEvent):
    """An event of the software GPU."""

    def __new__(
        cls,
        device: Any = None,
        *,
        enable_timing: bool = False,
        blocking: bool = False,
        interprocess: bool = False,
    ) -> "SimEvent":
        return super().__new__(cls, torch.device("sim"), enable_timing=enable_timing)

    def __init__(
        self,
        device: Any = None,
        *,
        enable_timing: bool = False,
        blocking: bool = False,
        interprocess: bool = False,
    ) -> None:
        self.state = EventState()
        self._timed = enable_timing

    def record(self, stream: BaseStream | None = None) -> None:
        """Record behind what is queued on `stream`, the current one by default."""
        number = current_stream().stream_id if stream is None else stream.stream_id
        current_gpu().record_event(self.state, number)

    def wait(self, stream: BaseStream | None = None) -> None:
        """What is queued on `stream` from now on follows this event."""
        number = current_stream().stream_id if stream is None else stream.stream_id
        current_gpu().wait_event(self.state, number)

    def query(self) -> bool:
        """Whether the last recording has completed."""
        return current_gpu().query_event(self.state)

    def synchronize(self) -> None:
        """Wait for the last recording."""
        current_gpu().synchronize_event(self.state)

    def elapsed_time(self, end_event: "SimEvent") -> float:  # type: ignore[override]
        """Milliseconds of host time between the completions of two recordings."""
        if not (self._timed and end_event._timed):
            raise ValueError("Both events must be created with argument 'enable_timing=True'.")
        return current_gpu().elapsed_seconds(self.state, end_event.state) * 1e3


def current_stream(device: Any = None) -> SimStream:
    """The stream this thread launches on."""
    stream, gpu = _current.stream, current_gpu()
    if stream is None and _backward and torch._C._current_graph_task_id() >= 0:
        return _backward[-1]
    if stream is None or _current.gpu is not gpu:
        stream = _current.stream = SimStream(stream_id=0)
        _current.gpu = gpu
    return stream


def set_stream(stream: BaseStream) -> SimStream:
    """Make `stream` current in this thread; returns the one before."""
    before = current_stream()
    _current.stream = stream if isinstance(stream, SimStream) else SimStream(stream_id=stream.stream_id)
    return before


@contextmanager
def backward_on_current_stream() -> Iterator[None]:
    """torch's threads for a backward pass launch where it was asked for.

    On a GPU each step goes to the stream of its forward step, which is nearly always the same.
    """
    stream = current_stream()
    _backward.append(stream)
    try:
        yield
    finally:
        _backward.remove(stream)


@contextmanager
def stream_context(stream: BaseStream | None) -> Iterator[None]:
    """Launch on `stream` inside the context; None changes nothing."""
    if stream is None:
        yield
        return
    before = set_stream(stream)
    try:
        yield
    finally:
        set_stream(before)


def sleep(cycles: int) -> None:
    """Keep the device busy: what is queued on the current stream stays queued until somebody waits for it."""
    gpu, stream = current_gpu(), current_stream().stream_id
    if gpu.capture_of(stream) is None:
        gpu.hold(stream)
