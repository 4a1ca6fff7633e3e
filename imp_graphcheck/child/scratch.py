"""Files without a name that never touch a disk, where the system has them: a full disk must not keep a child from
being started, or from being understood."""

import os
import tempfile
from typing import IO


def scratch_file() -> IO[bytes]:
    """An empty file for reading and writing that is gone when it is closed. Raises OSError."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("imp-graphcheck"), "w+b")
    return tempfile.TemporaryFile()
