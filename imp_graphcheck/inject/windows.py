"""When a stream was being captured, by whom, and what that means for a call that was made meanwhile."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from imp_graphcheck.apis.verdict import MODES, CaptureMode
from imp_graphcheck.inject.trace_file import TracedCall

BEGINNINGS = ("cudaStreamBeginCapture", "cuStreamBeginCapture")
ENDINGS = ("cudaStreamEndCapture", "cuStreamEndCapture")

Relation = Literal["captured", "region", "beside", "apart"]
"""What a call has to do with a capture.

    captured   on a stream that was being captured
    region     by the thread that had begun the capture, on another stream or on none
    beside     by another thread, meanwhile
    apart      nothing was being captured
"""

_RELAXED = MODES.index("relaxed")
_GLOBAL = MODES.index("global")


@dataclass(slots=True, kw_only=True)
class Window:
    """One capture. `end_ns` is None if it was still going on when the process ended."""

    thread: int
    stream: int
    mode: CaptureMode
    capture_id: int
    begin: TracedCall
    end: TracedCall | None = None
    attempts: list[TracedCall] = field(default_factory=list)

    def holds(self, call: TracedCall) -> bool:
        is_after = call.begin_ns >= self.begin.end_ns
        return is_after and (self.end is None or call.begin_ns <= self.end.begin_ns)


def find_windows(calls: Iterable[TracedCall]) -> list[Window]:
    """In the order in which they began."""
    windows: list[Window] = []
    for call in calls:
        if call.name.startswith(BEGINNINGS) and call.result == 0 and call.end_ns:
            windows.append(
                Window(
                    thread=call.thread,
                    stream=call.details.stream,
                    mode=_mode(call.details.mode),
                    capture_id=call.capture_id,
                    begin=call,
                )
            )
        elif call.name.startswith(ENDINGS):
            _end(call, windows)
    return windows


def with_open_windows(
    calls: Iterable[TracedCall], windows: Sequence[Window]
) -> Iterator[tuple[TracedCall, list[Window]]]:
    """Each call with the captures that were going on when it began. Both in order of time."""
    waiting = list(reversed(windows))
    open_ones: list[Window] = []
    for call in calls:
        while waiting and waiting[-1].begin.end_ns <= call.begin_ns:
            open_ones.append(waiting.pop())
        open_ones = [window for window in open_ones if window.holds(call)]
        yield call, open_ones


def place_in(call: TracedCall, open_ones: Sequence[Window]) -> tuple[Relation, Window | None]:
    """The relation, and the capture it is to."""
    for window in open_ones:
        is_same = (
            call.capture_id == window.capture_id if call.capture_id else call.details.stream == window.stream
        )
        if call.status_before and is_same:
            return "captured", window
    for window in reversed(open_ones):
        if window.thread == call.thread:
            return "region", window
    if not open_ones:
        return "apart", None
    return "beside", min(open_ones, key=lambda window: MODES.index(window.mode))


def mode_for(call: TracedCall, open_ones: Sequence[Window]) -> CaptureMode | None:
    """The mode by which the driver judges a call that is unsafe during captures; None if none concerns this thread.

    A thread's own captures bind it unless they are relaxed. Captures of others bind it if they are global, and it has
    not stepped aside itself (cudaThreadExchangeStreamCaptureMode).
    """
    own = [MODES.index(window.mode) for window in open_ones if window.thread == call.thread]
    if call.thread_mode == _RELAXED:
        return "relaxed" if own else None
    if own and min(own) != _RELAXED:
        return MODES[min(own)]
    others = any(window.mode == "global" for window in open_ones if window.thread != call.thread)
    if others and call.thread_mode == _GLOBAL:
        return "global"
    return "relaxed" if own else None


def _end(call: TracedCall, windows: list[Window]) -> None:
    for window in reversed(windows):
        if window.end is None and window.stream == call.details.stream:
            window.attempts.append(call)
            # From the wrong thread it is refused, and the capture goes on.
            if call.status_after == 0 and call.end_ns:
                window.end = call
            return


def _mode(number: int) -> CaptureMode:
    """The catalogue lists the modes in the order of cudaStreamCaptureMode."""
    return MODES[number] if number < len(MODES) else "global"
