"""The node under way, in a file that is still there when the process is not.

The file is mapped into memory: to write costs what an assignment costs, and the kernel keeps the page whatever becomes of
the process. It holds the index, eight bytes, and then the graph, in the program's own words.
"""

import mmap
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

FILE_NAME = "step.position"
_INDEX = struct.Struct("<q")
_NOWHERE = -1


class Position(NamedTuple):
    """A node that was launched, and of which nobody has said that it is complete."""

    graph: str
    node: int


class PositionFile:
    """`launching` and `idle` say where the device is; `read_position` says so to others, later."""

    def __init__(self, memory: mmap.mmap) -> None:
        self._memory = memory
        self.idle()

    def launching(self, node: int) -> None:
        """The next thing to happen is the launch of this node."""
        _INDEX.pack_into(self._memory, 0, node)

    def idle(self) -> None:
        """Nothing is under way."""
        _INDEX.pack_into(self._memory, 0, _NOWHERE)


@contextmanager
def position_file(directory: Path, graph: str) -> Iterator[PositionFile]:
    """Keeps the file in `directory`, and removes it when the process gets out of here by itself."""
    path = directory / FILE_NAME
    path.write_bytes(_INDEX.pack(_NOWHERE) + graph.encode())
    try:
        with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
            yield PositionFile(memory)
    finally:
        path.unlink(missing_ok=True)


def read_position(directory: Path) -> Position | None:
    """Where the process died that worked in `directory`; None where it was not stepping."""
    try:
        content = (directory / FILE_NAME).read_bytes()
    except FileNotFoundError:
        return None
    if len(content) < _INDEX.size:
        return None
    (node,) = _INDEX.unpack_from(content)
    return None if node == _NOWHERE else Position(content[_INDEX.size :].decode(errors="replace"), node)
