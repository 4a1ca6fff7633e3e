"""The captures in progress on one GPU, and what they forbid.

Which call is refused in which mode, from which thread and with which error is what the CUDA 13 runtime does on an H100.
"""

import threading
from collections.abc import Iterator
from itertools import count
from typing import NoReturn

from imp_graphcheck.device.sim.allocator import PoolId
from imp_graphcheck.device.sim.capture import Capture, CaptureMode
from imp_graphcheck.device.sim.errors import (
    CAPTURE_IMPLICIT,
    CAPTURE_INVALIDATED,
    CAPTURE_ISOLATION,
    CAPTURE_MERGE,
    CAPTURE_UNJOINED,
    CAPTURE_UNMATCHED,
    CAPTURE_UNSUPPORTED,
    CAPTURE_WRONG_THREAD,
    CAPTURED_EVENT,
    ILLEGAL_STATE,
    INVALID_VALUE,
    RuntimeCode,
    SimError,
    SimLibraryError,
)
from imp_graphcheck.device.sim.work import EventState

LEGACY_STREAM = 0


class Captures:
    """See the module. Not locked: the caller serialises."""

    def __init__(self) -> None:
        self._active: list[Capture] = []
        self._ids = count(1)

    def __bool__(self) -> bool:
        return bool(self._active)

    def __iter__(self) -> Iterator[Capture]:
        return iter(self._active)

    def of(self, stream: int) -> Capture | None:
        """The capture that `stream` takes part in."""
        for capture in self._active:
            if stream in capture.tails:
                return capture
        return None

    # beginning and end

    def begin(self, stream: int, mode: CaptureMode, pool: PoolId, generators: frozenset[int]) -> None:
        """Start recording `stream`. Raises 401 when it is already recorded."""
        if self.of(stream) is not None:
            raise SimError(ILLEGAL_STATE)
        self._active.append(Capture(next(self._ids), mode, stream, pool, generators))

    def end(self, stream: int) -> Capture:
        """Stop recording and return what was recorded.

        Raises 401 when the stream is in no capture, 903 when it was forked into one. Otherwise the capture is over
        either way, with 901 after a refused call, 904 with unjoined work and 908 in the wrong thread.
        """
        capture = self.of(stream)
        refusal = _refusal_to_end(capture, stream)
        if capture is not None and capture.origin == stream:
            self._active.remove(capture)
        if refusal is not None:
            raise SimError(*refusal)
        assert capture is not None
        return capture

    # refusals

    def refuse_unsafe(self, call: str, stream: int, *, library_error: str | None = None) -> None:
        """Refuse a potentially unsafe call where a capture in progress forbids it, and invalidate that capture."""
        for capture in self._active:
            if capture.forbids_unsafe_call():
                self.refuse(capture, CAPTURE_UNSUPPORTED, call, stream, library_error=library_error)

    def refuse_wait(self, call: str, stream: int) -> None:
        """Refuse a call that waits for `stream` or asks how far it is."""
        capture = self.of(stream)
        if capture is not None:
            self.refuse(capture, CAPTURE_UNSUPPORTED, call, stream)
        self.refuse_unsafe(call, stream)

    def refuse_wait_for_all(self, call: str) -> None:
        """Refuse a call that waits for every stream: no mode allows it while any of them is captured."""
        if self._active:
            self.refuse(self._active[-1], CAPTURE_UNSUPPORTED, call, LEGACY_STREAM)

    def refuse_look_at(self, event: EventState, call: str, stream: int) -> None:
        """Refuse a call that waits for `event` or asks whether it has happened."""
        capture = self.source_of(event)
        if capture is not None:
            self.refuse(capture, CAPTURED_EVENT, call, capture.origin)
        self.refuse_unsafe(call, stream)

    def source_of(self, event: EventState) -> Capture | None:
        """The capture in which `event` was recorded last. An event of a capture that is over or invalid is useless."""
        if event.capture_id is None:
            return None
        for capture in self._active:
            if capture.id == event.capture_id and capture.first_error is None:
                return capture
        raise SimError(INVALID_VALUE)

    def wait(self, event: EventState, stream: int) -> bool:
        """Let `stream` wait for `event` as far as captures are concerned: fork, join or refuse.

        False when this is none of their business and the stream's queue has to wait.
        """
        source, target = self.source_of(event), self.of(stream)
        call = "cudaStreamWaitEvent"
        if source is None:
            if target is not None and event.recording is not None:
                target.require_valid()
                self.refuse(target, CAPTURE_ISOLATION, call, stream)
            return target is not None
        if target is not None and target is not source:
            source.invalidate(CAPTURE_MERGE)
            self.refuse(target, CAPTURE_MERGE, call, stream)
        if stream == LEGACY_STREAM:
            self.refuse(source, CAPTURE_IMPLICIT, call, stream)
        source.join(stream, event.capture_tail)
        return True

    def refuse(
        self,
        capture: Capture,
        code: RuntimeCode,
        call: str,
        stream: int,
        *,
        library_error: str | None = None,
    ) -> NoReturn:
        """Raise `code` for `call` (or a library's own words for it), and invalidate `capture`."""
        capture.invalidate(code)
        # Raised where it is made: an error that a frame of its own traceback knew would keep the tensors of the
        # program alive until the garbage collector comes by.
        if library_error is not None:
            raise SimLibraryError(library_error)
        raise SimError(code, f"call: {call}")


def _refusal_to_end(capture: Capture | None, stream: int) -> tuple[RuntimeCode, str] | None:
    if capture is None:
        return ILLEGAL_STATE, ""
    if capture.origin != stream:
        capture.invalidate(CAPTURE_UNMATCHED)
        return CAPTURE_UNMATCHED, ""
    if capture.mode != "relaxed" and capture.thread != threading.get_ident():
        return CAPTURE_WRONG_THREAD, ""
    if capture.first_error is not None:
        return CAPTURE_INVALIDATED, ""
    unjoined = capture.unjoined_stream()
    return None if unjoined is None else (CAPTURE_UNJOINED, f"stream {unjoined} was forked and never joined")
