"""Follows one child, from its first event to its end, and says what became of it."""

import os
import select
import signal
import time
from collections.abc import Callable

import msgspec

from imp_graphcheck.child.ending import (
    Completed,
    CrashedInside,
    Died,
    Ending,
    Hung,
    Interrupted,
    Refused,
    describe_exit,
)
from imp_graphcheck.child.events import (
    Crashed,
    Event,
    Finished,
    Heartbeat,
    Rejected,
    StageFinished,
    StageStarted,
    decode,
)
from imp_graphcheck.child.stacks import ask_for_stacks, stacks_left
from imp_graphcheck.child.start import Process
from imp_graphcheck.child.wires import Wires

OnEvent = Callable[[Event], None]

INTERRUPT_GRACE_SECONDS = 3.0
"""How long a child may take to save its record after SIGINT before it is killed."""

SHUTDOWN_GRACE_SECONDS = 10.0
"""How long a child may take to exit after its last word. Freeing tens of gigabytes takes a moment."""

HEARTBEAT_STALE_SECONDS = 5.0

MAX_LINE_BYTES = 64 << 20

_POLL_SECONDS = 0.2
_READ_BYTES = 1 << 16


class ChannelError(Exception):
    """The child sent something that is not an event."""


class Listener:
    """Follows one child from its first event to its end."""

    def __init__(
        self,
        process: Process,
        wires: Wires,
        on_event: OnEvent,
        timeout: float,
        startup_timeout: float | None = None,
    ) -> None:
        self._process = process
        self._fd = wires.events.fileno()
        self._stacks_fd = wires.stacks.fileno()
        self._readable = select.poll()
        self._readable.register(self._fd, select.POLLIN)
        self._on_event = on_event
        self._timeout = self._stage_timeout = timeout
        # Importing torch on a machine that is busy is no sign of anything.
        self._limit = timeout if startup_timeout is None else startup_timeout
        self._pending = bytearray()
        self._last_word: Finished | Rejected | Crashed | None = None
        self._progress_at = time.monotonic()
        self._heartbeat_at: float | None = None

    def listen(self) -> Ending:
        """Handle events until the child has said its last word, died, hung, or the user interrupts."""
        try:
            while self._last_word is None:
                remaining = self._progress_at + self._limit - time.monotonic()
                if remaining <= 0:
                    return self._hung()
                if not self._step(min(remaining, _POLL_SECONDS)):
                    break
            return self._ending(self._wait_for_exit())
        except KeyboardInterrupt:
            self._interrupt()
            return Interrupted()

    def _step(self, seconds: float) -> bool:
        """Wait for events for at most `seconds`. False when no more will come."""
        # A process that the child started may hold the pipe open after the child's end. Asked before the read:
        # whatever the child sent before it ended is then still read.
        exited = self._process.has_exited()
        if self._readable.poll(seconds * 1000):
            data = os.read(self._fd, _READ_BYTES)
            self._receive(data)
            return bool(data)
        return not exited

    def _receive(self, data: bytes) -> None:
        # A line leaves the buffer only when its turn has come: Ctrl-C may strike between any two.
        self._pending += data
        while (end := self._pending.find(b"\n")) >= 0:
            line = bytes(self._pending[:end])
            del self._pending[: end + 1]
            self._handle(line)
        if len(self._pending) > MAX_LINE_BYTES:
            raise ChannelError(f"the child process sent {len(self._pending)} bytes without an end of line")

    def _handle(self, line: bytes) -> None:
        try:
            event = decode(line)
        except msgspec.DecodeError as error:
            raise ChannelError(f"the child process sent {line[:80]!r}, which is no event: {error}") from error
        if isinstance(event, Heartbeat):
            self._heartbeat_at = time.monotonic()
        else:
            self._stage_timeout = self._patience(event)
            self._progress_at, self._limit = time.monotonic(), self._stage_timeout
        if isinstance(event, Finished | Rejected | Crashed):
            self._last_word = event
        self._on_event(event)

    def _patience(self, event: Event) -> float:
        """How long there may be no progress from here on: a stage may be known to be quicker than the option allows."""
        if isinstance(event, StageStarted):
            return self._timeout if event.patience is None else min(self._timeout, event.patience)
        return self._timeout if isinstance(event, StageFinished) else self._stage_timeout

    def _wait_for_exit(self) -> int | None:
        """The exit status, as subprocess counts it; None when the child does not get round to exiting."""
        if not self._process.has_exited(within=SHUTDOWN_GRACE_SECONDS):
            return None
        # The rest of its group goes first, while the group id cannot belong to anybody else.
        self._process.signal_group(signal.SIGKILL)
        return self._process.wait()

    def _ending(self, returncode: int | None) -> Ending:
        match self._last_word:
            case Rejected(message=message, hint=hint):
                return Refused(message=message, hint=hint)
            case Crashed(message=message, traceback=traceback):
                return CrashedInside(message=message, traceback=traceback)
            case Finished():
                return Completed(afterwards=_shutdown_trouble(returncode))
        if self._process.lost:
            return Died(how="was lost with the template that it was forked from", returncode=-signal.SIGKILL)
        if returncode is None:
            return Died(how="closed its event channel and did not exit", returncode=-signal.SIGKILL)
        stacks = stacks_left(self._stacks_fd) if returncode < 0 else ()
        return Died(how=describe_exit(returncode), returncode=returncode, stacks=stacks)

    def _hung(self) -> Hung:
        now = time.monotonic()
        responsive = None
        if self._heartbeat_at is not None:
            responsive = now - self._heartbeat_at < HEARTBEAT_STALE_SECONDS
        stacks = ask_for_stacks(self._process.pid, self._stacks_fd)
        return Hung(seconds=now - self._progress_at, responsive=responsive, stacks=stacks)

    def _interrupt(self) -> None:
        """Ask the child to stop, and listen to what it still has to say. A second Ctrl-C cuts this short."""
        deadline = time.monotonic() + INTERRUPT_GRACE_SECONDS
        try:
            self._process.signal_group(signal.SIGINT)
            self._receive(b"")
            while (remaining := deadline - time.monotonic()) > 0:
                if not self._step(min(remaining, _POLL_SECONDS)):
                    return
        except KeyboardInterrupt:
            return


def _shutdown_trouble(returncode: int | None) -> str:
    if returncode is None:
        return f"the process did not exit within {SHUTDOWN_GRACE_SECONDS:.0f} s of its end and was killed"
    if returncode != 0:
        return f"the process {describe_exit(returncode)} after it had finished"
    return ""
