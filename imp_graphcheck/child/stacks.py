"""Where a process that makes no progress is: the Python stacks of all its threads.

A signal handler in C writes them, so that they come from a main thread that is stuck in native code, and from an
interpreter that nobody can get into because native code holds its lock. They go to a file that both sides have open,
not into the log.
"""

import faulthandler
import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from imp_graphcheck.record.site import Frame

STACK_SIGNAL = int(getattr(signal, "SIGRTMIN", signal.SIGUSR2))
"""A real-time signal where there are any: programs have uses of their own for SIGUSR1 and SIGUSR2."""

ANSWER_SECONDS = 2.0
"""How long the stacks may take to arrive. A process that is stuck in the kernel never answers."""

MAX_FRAMES = 40
MAX_THREADS = 32

_MAX_BYTES = 1 << 20
_POLL_SECONDS = 0.02
_QUIET_SECONDS = 0.1
"""The handler does not say when it has finished. It writes without a pause, and takes microseconds for a line."""

_THREAD = re.compile(r"(?:Current thread|Thread) 0x([0-9a-f]+)\b")
_FRAME = re.compile(r'  File "(.*)", line (\d+) in (.*)')


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadStack:
    """One thread, innermost frame first."""

    thread: str
    frames: tuple[Frame, ...]

    def __str__(self) -> str:
        frames = (f'  File "{frame.file}", line {frame.line}, in {frame.function}' for frame in self.frames)
        return "\n".join((f"{self.thread} (innermost call first):", *frames))


def answer_with_stacks(fd: int) -> None:
    """From now on, write the stacks of this process to `fd` whenever STACK_SIGNAL arrives, and when native code brings it down.

    The first line names the main thread. It also tells the other side that the signal may be sent: without a handler
    it would end the process.
    """
    os.set_inheritable(fd, False)
    faulthandler.enable(file=fd, all_threads=True)
    faulthandler.register(STACK_SIGNAL, file=fd, all_threads=True, chain=False)
    os.write(fd, b"0x%016x\n" % (threading.main_thread().ident or 0))


def ask_for_stacks(pid: int, fd: int) -> tuple[ThreadStack, ...]:
    """The stacks of `pid`, which must not have been reaped, through the file that it writes them to.

    Empty when the process never said that it would answer, or does not.
    """
    before = os.fstat(fd).st_size
    if before == 0:
        return ()
    try:
        os.kill(pid, STACK_SIGNAL)
    except ProcessLookupError:
        return ()
    _wait_until_written(fd, before)
    return stacks_left(fd)


def stacks_left(fd: int) -> tuple[ThreadStack, ...]:
    """The stacks that a process has written to `fd`, which may be gone by now."""
    return read_stacks(os.pread(fd, _MAX_BYTES, 0).decode("utf-8", errors="backslashreplace"))


def _wait_until_written(fd: int, size: int) -> None:
    deadline = time.monotonic() + ANSWER_SECONDS
    grew_at: float | None = None
    while (now := time.monotonic()) < deadline:
        if grew_at is not None and now - grew_at > _QUIET_SECONDS:
            return
        time.sleep(_POLL_SECONDS)
        if (new := os.fstat(fd).st_size) > size:
            size, grew_at = new, time.monotonic()


def read_stacks(text: str) -> tuple[ThreadStack, ...]:
    """The threads of what `answer_with_stacks` and the handler have written, the main thread first."""
    first, _, rest = text.partition("\n")
    main = int(first, 16) if re.fullmatch("0x[0-9a-f]+", first) else None
    found = list(_threads(rest.splitlines(), main))
    found.sort(key=lambda stack: stack.thread != _MAIN)
    return tuple(found[:MAX_THREADS])


_MAIN = "main thread"


def _threads(lines: list[str], main: int | None) -> Iterator[ThreadStack]:
    thread: str | None = None
    frames: list[Frame] = []
    for line in lines:
        if header := _THREAD.match(line):
            if thread is not None:
                yield ThreadStack(thread=thread, frames=tuple(frames))
            number = int(header[1], 16)
            thread, frames = _MAIN if number == main else f"thread 0x{number:x}", []
        elif (frame := _FRAME.match(line)) and len(frames) < MAX_FRAMES:
            frames.append(Frame(file=frame[1], line=int(frame[2]), function=frame[3]))
    if thread is not None:
        yield ThreadStack(thread=thread, frames=tuple(frames))
