"""The parent's side: start a child, listen, and leave nothing behind, however it ends."""

import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, Any

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
from imp_graphcheck.child.events import Crashed, Event, Finished, Heartbeat, Rejected, decode

OnEvent = Callable[[Event], None]

INTERRUPT_GRACE_SECONDS = 3.0
"""How long a child may take to save its record after SIGINT before it is killed."""

SHUTDOWN_GRACE_SECONDS = 10.0
"""How long a child may take to exit after its last word. Freeing tens of gigabytes takes a moment."""

HEARTBEAT_STALE_SECONDS = 5.0

_POLL_SECONDS = 0.2
_READ_BYTES = 1 << 16


class ChannelError(Exception):
    """The child sent something that is not an event."""


def run_child(
    arguments: Sequence[str],
    settings: Mapping[str, object],
    *,
    on_event: OnEvent,
    timeout: float,
    log: IO[bytes],
    environment: Mapping[str, str] | None = None,
) -> Ending:
    """Run `python ARGUMENTS` with `settings` as a JSON document on its stdin, until it has ended.

    The document also carries `events_fd` and `parent_pid`, which `open_channel` reads in the child. `on_event`
    is called with every event, on the calling thread. Everything the child prints goes to `log`. A child that
    makes no progress for `timeout` seconds is killed. The child leads a process group of its own, which is gone
    when this returns or raises.
    """
    read_end, write_end = os.pipe()
    try:
        document = {**settings, "events_fd": write_end, "parent_pid": os.getpid()}
        # A file, not a pipe: a child that dies without reading its settings is then no special case.
        with tempfile.TemporaryFile() as stdin:
            stdin.write(msgspec.json.encode(document))
            stdin.seek(0)
            process = subprocess.Popen(
                [sys.executable, *arguments],
                stdin=stdin,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(write_end,),
                start_new_session=True,
                env=dict(environment) if environment is not None else None,
            )
    except BaseException:
        os.close(read_end)
        raise
    finally:
        os.close(write_end)
    with _reaped(process), os.fdopen(read_end, "rb", buffering=0) as events:
        return _Listener(process, events.fileno(), on_event, timeout).listen()


@contextmanager
def _reaped(process: "subprocess.Popen[Any]") -> Iterator[None]:
    """Kill the child's whole group at the end of the block, and wait for the child."""
    try:
        yield
    finally:
        _signal_group(process, signal.SIGKILL)
        process.wait()


def _signal_group(process: "subprocess.Popen[Any]", number: signal.Signals) -> None:
    """Signal the child's group. The child must not have been reaped: until then its group id is its own."""
    if process.returncode is None:
        os.killpg(process.pid, number)


class _Listener:
    """Follows one child from its first event to its end."""

    def __init__(self, process: "subprocess.Popen[Any]", fd: int, on_event: OnEvent, timeout: float) -> None:
        self._process = process
        self._fd = fd
        self._on_event = on_event
        self._timeout = timeout
        self._pending = b""
        self._last_word: Finished | Rejected | Crashed | None = None
        self._progress_at = time.monotonic()
        self._heartbeat_at: float | None = None

    def listen(self) -> Ending:
        """Handle events until the child has said its last word, died, hung, or the user interrupts."""
        try:
            while self._last_word is None:
                remaining = self._progress_at + self._timeout - time.monotonic()
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
        exited = self._has_exited()
        if select.select([self._fd], [], [], seconds)[0]:
            data = os.read(self._fd, _READ_BYTES)
            self._receive(data)
            return bool(data)
        return not exited

    def _receive(self, data: bytes) -> None:
        # A line leaves the buffer only when its turn has come: Ctrl-C may strike between any two.
        self._pending += data
        while b"\n" in self._pending:
            line, _, self._pending = self._pending.partition(b"\n")
            self._handle(line)

    def _handle(self, line: bytes) -> None:
        try:
            event = decode(line)
        except msgspec.DecodeError as error:
            raise ChannelError(f"the child process sent {line[:80]!r}, which is no event: {error}") from error
        if isinstance(event, Heartbeat):
            self._heartbeat_at = time.monotonic()
        else:
            self._progress_at = time.monotonic()
        if isinstance(event, Finished | Rejected | Crashed):
            self._last_word = event
        self._on_event(event)

    def _has_exited(self) -> bool:
        """Whether the child has ended. Does not reap it, so that its group can still be signalled."""
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self._process.pid, flags) is not None

    def _wait_for_exit(self) -> int | None:
        """The exit status, as subprocess counts it; None when the child does not get round to exiting."""
        deadline = time.monotonic() + SHUTDOWN_GRACE_SECONDS
        pause = 0.001
        while not self._has_exited():
            if time.monotonic() > deadline:
                return None
            time.sleep(pause)
            pause = min(pause * 2, 0.05)
        # The rest of its group goes first, while the group id cannot belong to anybody else.
        _signal_group(self._process, signal.SIGKILL)
        return self._process.wait()

    def _ending(self, returncode: int | None) -> Ending:
        match self._last_word:
            case Rejected(message=message, hint=hint):
                return Refused(message=message, hint=hint)
            case Crashed(message=message, traceback=traceback):
                return CrashedInside(message=message, traceback=traceback)
            case Finished():
                return Completed(afterwards=_shutdown_trouble(returncode))
        if returncode is None:
            return Died(how="closed its event channel and did not exit", returncode=-signal.SIGKILL)
        return Died(how=describe_exit(returncode), returncode=returncode)

    def _hung(self) -> Hung:
        now = time.monotonic()
        responsive = None
        if self._heartbeat_at is not None:
            responsive = now - self._heartbeat_at < HEARTBEAT_STALE_SECONDS
        return Hung(seconds=now - self._progress_at, responsive=responsive)

    def _interrupt(self) -> None:
        """Ask the child to stop, and listen to what it still has to say. A second Ctrl-C cuts this short."""
        deadline = time.monotonic() + INTERRUPT_GRACE_SECONDS
        try:
            _signal_group(self._process, signal.SIGINT)
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
