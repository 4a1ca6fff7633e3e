"""The child's side: read the settings, send events, and never outlive the parent."""

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import msgspec

from imp_graphcheck.child.events import Event, Heartbeat, encode
from imp_graphcheck.child.stacks import answer_with_stacks
from imp_graphcheck.exit_codes import ExitCode

T = TypeVar("T")

HEARTBEAT_SECONDS = 1.0

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


class Channel:
    """Sends events to the parent through an inherited pipe. Safe to use from several threads.

    A parent that went away is no error to report: there is nobody to report to, so the process ends at once.
    """

    def __init__(self, fd: int) -> None:
        # A grandchild that inherits the pipe would keep it open after the child's end, and user code may well
        # start processes.
        os.set_inheritable(fd, False)
        self._fd = fd
        self._lock = threading.Lock()

    def send(self, event: Event) -> None:
        """Send one event; when it returns the parent will get it, whatever happens to this process."""
        line = memoryview(encode(event))
        with self._lock:
            try:
                while line:
                    line = line[os.write(self._fd, line) :]
            except BrokenPipeError:
                os._exit(ExitCode.INTERRUPTED)

    @contextmanager
    def heartbeats(self, seconds: float = HEARTBEAT_SECONDS) -> Iterator[None]:
        """Send a heartbeat every so often from a thread of its own, until the block ends."""
        stop = threading.Event()

        def beat() -> None:
            while not stop.wait(seconds):
                self.send(Heartbeat())

        thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


class _Envelope(msgspec.Struct):
    events_fd: int
    stacks_fd: int
    parent_pid: int


def open_channel(settings_type: type[T]) -> tuple[Channel, T]:
    """Read the document on stdin as `settings_type`, tie this process to its parent, and open the channel.

    To be called first thing in a child, before any thread or device exists.
    """
    document = sys.stdin.buffer.read()
    envelope = msgspec.json.decode(document, type=_Envelope)
    die_with_parent(envelope.parent_pid)
    answer_with_stacks(envelope.stacks_fd)
    return Channel(envelope.events_fd), msgspec.json.decode(document, type=settings_type)


def die_with_parent(parent_pid: int) -> None:
    """Have the kernel kill this process when its parent dies, however the parent dies.

    The signal follows the thread that started this process: a parent that starts children from a thread must
    keep that thread alive. It does not reach processes that this one started; those the parent kills, as long
    as it is there to do so. On a system without prctl the closed event pipe alone ends the child.
    """
    if not sys.platform.startswith("linux"):
        return
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        # The parent died before the line above took effect.
        os._exit(ExitCode.INTERRUPTED)


def be_subreaper() -> None:
    """Have this process become the parent of whatever its descendants leave behind, so that it can reap it."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, argument: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, argument, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}) failed")
