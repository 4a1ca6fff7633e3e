"""Which line of the program a traced call belongs to, and which calls are this tool's own."""

from pathlib import Path

from imp_engine import graph, graph_runner
from imp_graphcheck.device.stack import RawStack, belongs_to_program, site_of
from imp_graphcheck.record.site import UNKNOWN, Site

_AUDIT = f"{Path(__file__).parent}/"
_MACHINERY = (graph.__file__, graph_runner.__file__)
"""What makes streams, captures and replays for every program: it is how the audit runs them."""


def place_of(stack: RawStack, *, is_main: bool) -> Site | None:
    """The site of a call; None for a call of the main thread that no line of the program made.

    Frames above this room are how the tool was started. Of another thread everything counts: torch's own are disturbing too.
    """
    site = site_of(stack)
    if site is None:
        return None if is_main else UNKNOWN
    frames = site.stack
    ours = next((index for index, frame in enumerate(frames) if frame.file.startswith(_AUDIT)), len(frames))
    program = [index for index in range(ours) if belongs_to_program(frames[index].file)]
    if not program:
        return None if is_main else site
    headline = frames[program[0]]
    if is_main and headline.file in _MACHINERY:
        return None
    return Site(
        file=headline.file, line=headline.line, function=headline.function, stack=frames[: program[-1] + 1]
    )
