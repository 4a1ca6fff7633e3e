"""Which numbers are addresses of the process's own memory.

What a kernel's parameters hold by accident is often such an address: an object of torch that lay on the stack before. It
differs from run to run, and no kernel follows it.
"""

from bisect import bisect_right
from pathlib import Path

_MAPS = Path("/proc/self/maps")
_LEAST = 1 << 32
"""Lower ones could be anything: programs that are not relocated lie among the small numbers."""


class HostAddresses:
    """The memory that is mapped now."""

    def __init__(self, maps: str | None = None) -> None:
        """`maps` is the text of /proc/self/maps; where there is none, nothing is known."""
        if maps is None:
            maps = _MAPS.read_text() if _MAPS.exists() else ""
        ranges = sorted(
            (int(start, 16), int(end, 16))
            for start, end in (
                line.split(None, 1)[0].split("-") for line in maps.splitlines() if _is_ours(line)
            )
        )
        self._starts = [start for start, _ in ranges]
        self._ends = [end for _, end in ranges]

    def __contains__(self, value: object) -> bool:
        if not isinstance(value, int) or value < _LEAST:
            return False
        place = bisect_right(self._starts, value) - 1
        return place >= 0 and value < self._ends[place]


def _is_ours(line: str) -> bool:
    """Whether a mapping can be read, and is not the driver's."""
    return line.split(None, 2)[1].startswith("r") and "/dev/nvidia" not in line
