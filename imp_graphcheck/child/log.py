"""What a child printed: the beginning and the end of it, however much it was."""

import os
import select
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

WORKER_LOG = "worker.log"

HEAD_BYTES = 4 << 20
TAIL_BYTES = 4 << 20
"""What is kept of a child that prints without end. All that it printed before and after is in worker.log."""

_READ_BYTES = 1 << 20
_PIPE_BYTES = 1 << 20
_POLL_MILLISECONDS = 100
_F_SETPIPE_SZ = 1031

_SHOWN_BYTES = 1 << 16


def tail(log: IO[bytes], lines: int = 20) -> tuple[str, ...]:
    """The last lines of a log, with unprintable characters escaped."""
    size = os.fstat(log.fileno()).st_size
    start = max(0, size - _SHOWN_BYTES)
    text = os.pread(log.fileno(), size - start, start).decode("utf-8", errors="backslashreplace")
    kept = text.splitlines()[-lines:]
    return tuple("".join(c if c.isprintable() or c == "\t" else repr(c)[1:-1] for c in line) for line in kept)


def keep(log: IO[bytes], directory: Path) -> None:
    """Save a log, unless it is empty, as `directory/worker.log`. Raises OSError."""
    if os.fstat(log.fileno()).st_size == 0:
        return
    log.seek(0)
    with (directory / WORKER_LOG).open("wb") as file:
        shutil.copyfileobj(log, file)


class Abridged:
    """Appends to a log: the first HEAD_BYTES as they come, of the rest the last TAIL_BYTES at the end."""

    def __init__(self, log: IO[bytes]) -> None:
        log.flush()
        self._fd = log.fileno()
        self._room = HEAD_BYTES
        self._tail = bytearray()
        self._dropped = 0

    def add(self, data: bytes) -> None:
        if self._room:
            self._append(data[: self._room])
            data, self._room = data[self._room :], max(0, self._room - len(data))
        self._tail += data
        # Not at once: to move the tail for every piece would take longer than to read it.
        if len(self._tail) > 2 * TAIL_BYTES:
            self._cut()

    def finish(self) -> None:
        """Write what was held back, and how much is missing before it."""
        self._cut()
        if self._dropped:
            self._append(b"\n[... %d bytes were left out here ...]\n" % self._dropped)
        self._append(self._tail)
        self._tail.clear()

    def _cut(self) -> None:
        surplus = max(0, len(self._tail) - TAIL_BYTES)
        del self._tail[:surplus]
        self._dropped += surplus

    def _append(self, data: bytes | bytearray) -> None:
        with memoryview(data) as view:
            written = 0
            while written < len(view):
                try:
                    written += os.write(self._fd, view[written:])
                except OSError:
                    # No room for the log: that is no reason to block a child that prints.
                    self._dropped += len(view) - written
                    return


@contextmanager
def pumped(log: IO[bytes]) -> Iterator[IO[bytes]]:
    """The end of a pipe for a child to print to, which a thread empties into `log` until the end of the block.

    The caller closes it once the child has it. A process that still holds it at the end of the block is not waited
    for: what it has printed by then is read.
    """
    read_end, write_end = os.pipe()
    stop = threading.Event()
    _enlarge(read_end)
    abridged = Abridged(log)
    thread = threading.Thread(target=_pump, args=(read_end, abridged, stop), name="worker log", daemon=True)
    thread.start()
    try:
        with os.fdopen(write_end, "wb", buffering=0) as printed:
            yield printed
    finally:
        stop.set()
        thread.join()
        os.close(read_end)
        abridged.finish()


def _pump(fd: int, abridged: Abridged, stop: threading.Event) -> None:
    os.set_blocking(fd, False)
    readable = select.poll()
    readable.register(fd, select.POLLIN)
    leftovers = _PIPE_BYTES
    while leftovers > 0:
        stopped = stop.is_set()
        if not readable.poll(0 if stopped else _POLL_MILLISECONDS):
            if stopped:
                return
            continue
        try:
            data = os.read(fd, _READ_BYTES)
        except BlockingIOError:
            continue
        if not data:
            return
        abridged.add(data)
        if stopped:
            leftovers -= len(data)


def _enlarge(pipe: int) -> None:
    """As much room as an ordinary user may have: fewer turns for both sides."""
    try:
        import fcntl

        fcntl.fcntl(pipe, _F_SETPIPE_SZ, _PIPE_BYTES)
    except (ImportError, OSError):
        return
