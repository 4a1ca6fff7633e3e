"""What a child leaves beside its record, and what is said of one that left no record."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from imp_graphcheck.capture.aftermath import LastSeen
from imp_graphcheck.capture.whereabouts import STACKS_FILE, in_full, whereabouts
from imp_graphcheck.child import log as worker_log
from imp_graphcheck.child.ending import CrashedInside, Died, Ending, Hung, Interrupted
from imp_graphcheck.child.failure import ChildError
from imp_graphcheck.errors import UsageError


def keep(ending: Ending, log: IO[bytes], directory: Path) -> Iterator[str]:
    """Save what belongs beside the record; a note on each thing for which there was no room."""
    try:
        worker_log.keep(log, directory)
    except OSError as error:
        (directory / worker_log.WORKER_LOG).unlink(missing_ok=True)
        yield f"{worker_log.WORKER_LOG} could not be saved: {error.strerror}"
    if isinstance(ending, Hung | Died) and ending.stacks:
        try:
            (directory / STACKS_FILE).write_text(in_full(ending.stacks), encoding="utf-8")
        except OSError as error:
            (directory / STACKS_FILE).unlink(missing_ok=True)
            yield f"{STACKS_FILE} could not be saved: {error.strerror}"


def without_record(ending: Ending, log_tail: tuple[str, ...], seen: LastSeen) -> BaseException:
    """What to raise when a child ended before it had saved anything."""
    if seen.current == "load" and isinstance(ending, Hung | Died):
        # From here on it is the program's code that runs. Who is killed from outside has done nothing wrong.
        outside = isinstance(ending, Died) and -ending.returncode in (signal.SIGKILL, signal.SIGTERM)
        if not outside:
            return UsageError(
                _while_built(ending), hint="the program must work eagerly before its graphs can be checked"
            )
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


def _while_built(ending: Hung | Died) -> str:
    what = f"made no progress for {ending.seconds:.0f} s" if isinstance(ending, Hung) else ending.how
    where = f", in {whereabouts(ending.stacks)}" if ending.stacks else ""
    return f"The process {what} while the program was imported and built{where}."
