"""Source lines out of the stacks that torch's allocator records."""

from collections.abc import Iterable, Mapping
from typing import Any

from imp_graphcheck.device.stack import site_of_frames
from imp_graphcheck.record.site import Frame, Site

_NATIVE = (".cpp", ".cc", ".c", ".cu", ".cuh", ".h", ".hpp", ".so")
_NO_FILE = ("", "??")


def site_of_recorded(frames: Iterable[Mapping[str, Any]]) -> Site | None:
    """The site of frames as a memory snapshot has them: `filename`, `line`, `name`, innermost first.

    Frames of native code are dropped, for they would take the headline. None where no Python frame is left.
    """
    return site_of_frames(
        tuple(
            Frame(file=frame["filename"], line=frame["line"], function=frame["name"])
            for frame in frames
            if frame["filename"] not in _NO_FILE and not frame["filename"].endswith(_NATIVE)
        )
    )
