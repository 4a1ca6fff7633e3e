"""Which line of the program an exception came from."""

import traceback

from imp_graphcheck.device.stack import belongs_to_program, site_of_frames
from imp_graphcheck.record.site import Frame, Site


def site_of_error(error: BaseException) -> Site | None:
    """The innermost line of the program under test in the traceback of `error`; None where there is none."""
    frames = tuple(
        Frame(file=frame.filename, line=frame.lineno or 0, function=frame.name)
        for frame in reversed(traceback.extract_tb(error.__traceback__))
    )
    if not any(belongs_to_program(frame.file) for frame in frames):
        return None
    return site_of_frames(frames)
