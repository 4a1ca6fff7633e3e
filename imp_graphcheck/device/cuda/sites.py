"""Source lines out of the stacks that torch's allocator records."""

from collections.abc import Mapping, Sequence
from typing import Any

from imp_graphcheck.device.stack import site_of_frames
from imp_graphcheck.record.site import Frame, Site

_NATIVE = (".cpp", ".cc", ".c", ".cu", ".cuh", ".h", ".hpp", ".so")
_NO_FILE = ("", "??")


Recorded = Sequence[Mapping[str, Any]]
"""Frames as a memory snapshot has them: `filename`, `line`, `name`, innermost first."""


class RecordedSites:
    """The sites of recorded stacks, each made once: a snapshot holds every frame once, and refers to it from all stacks."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, ...], tuple[Recorded, Site | None]] = {}

    def of(self, frames: Recorded) -> Site | None:
        """See `site_of_recorded`."""
        key = tuple(map(id, frames))
        known = self._known.get(key)
        if known is None:
            # With the frames: an identity is worth something while its object lives.
            known = self._known[key] = (frames, site_of_recorded(frames))
        return known[1]


def site_of_recorded(frames: Recorded) -> Site | None:
    """The site of `frames`. Those of native code are dropped, for they would take the headline.

    None where no Python frame is left.
    """
    return site_of_frames(
        tuple(
            Frame(file=frame["filename"], line=frame["line"], function=frame["name"])
            for frame in frames
            if frame["filename"] not in _NO_FILE and not frame["filename"].endswith(_NATIVE)
        )
    )
