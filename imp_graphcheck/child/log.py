"""What a child printed."""

import os
import shutil
from pathlib import Path
from typing import IO

WORKER_LOG = "worker.log"

_TAIL_BYTES = 1 << 16


def tail(log: IO[bytes], lines: int = 20) -> tuple[str, ...]:
    """The last lines of a log, with unprintable characters escaped."""
    size = os.fstat(log.fileno()).st_size
    start = max(0, size - _TAIL_BYTES)
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
