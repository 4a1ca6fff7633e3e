"""What a child leaves beside its record, and what is said of one that left no record."""

from collections.abc import Iterator
from pathlib import Path
from typing import IO

from imp_graphcheck.capture.whereabouts import STACKS_FILE, in_full, whereabouts
from imp_graphcheck.child import log as worker_log
from imp_graphcheck.child.ending import CrashedInside, Died, Ending, Hung, Interrupted
from imp_graphcheck.child.failure import ChildError


def keep(ending: Ending, log: IO[bytes], directory: Path) -> Iterator[str]:
    """Save what belongs beside the record; a note on each thing for which there was no room."""
    try:
        worker_log.keep(log, directory)
    except OSError as error:
        (directory / worker_log.WORKER_LOG).unlink(missing_ok=True)
        yield f"{worker_log.WORKER_LOG} could not be saved: {error.strerror}"
    if isinstance(ending, Hung) and ending.stacks:
        try:
            (directory / STACKS_FILE).write_text(in_full(ending.stacks), encoding="utf-8")
        except OSError as error:
            (directory / STACKS_FILE).unlink(missing_ok=True)
            yield f"{STACKS_FILE} could not be saved: {error.strerror}"


def without_record(ending: Ending, log_tail: tuple[str, ...]) -> BaseException:
    """What to raise when a child ended before it had saved anything."""
    match ending:
        case Interrupted():
            return KeyboardInterrupt()
        case CrashedInside(message=message, traceback=traceback):
            return ChildError(message, report=traceback)
        case Died(how=how):
            return ChildError(f"the child process {how} before there was anything to save", log_tail=log_tail)
        case Hung(seconds=seconds, stacks=stacks):
            where = f"; it hung in {whereabouts(stacks)}" if stacks else ""
            return ChildError(f"the child process did nothing for {seconds:.0f} s{where}", log_tail=log_tail)
    return ChildError("the child process finished without saving a run", log_tail=log_tail)
