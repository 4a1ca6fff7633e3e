"""The parent's half of `capture`: run the stages in a child process and bring home a complete record."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec
from msgspec.structs import replace

from imp_graphcheck.capture.aftermath import LastSeen, after_crash, after_death, after_interrupt
from imp_graphcheck.capture.leftovers import keep, without_record
from imp_graphcheck.capture.settings import RUNS, CaptureSettings, remove_if_empty, validate
from imp_graphcheck.capture.witness import Witness
from imp_graphcheck.child import log as worker_log
from imp_graphcheck.child.ending import Completed, CrashedInside, Died, Ending, Hung, Interrupted, Refused
from imp_graphcheck.child.failure import ChildError
from imp_graphcheck.child.listener import OnEvent
from imp_graphcheck.child.process import run_child
from imp_graphcheck.child.scratch import scratch_file
from imp_graphcheck.child.template import Template
from imp_graphcheck.errors import UsageError
from imp_graphcheck.record.run import Run
from imp_graphcheck.record.store import (
    RUN_FILE,
    UnsavedError,
    load_run,
    point_latest,
    remove_unfinished,
    save_run,
)

WORKER = ("-m", "imp_graphcheck.capture")

STARTUP_SECONDS = 60.0
"""How long a child may take at least to import what it needs, before it has done anything of the program's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """A saved run and where it lies. `killed` is how its process was ended from outside, if it was: nothing is wrong with
    the program because of it.
    """

    run: Run
    directory: Path
    killed: str = ""


def run_capture(
    settings: CaptureSettings,
    *,
    on_event: OnEvent,
    worker: tuple[str, ...] = WORKER,
    template: Template | None = None,
) -> Captured:
    """Run the whole command in a child, forked from `template` if there is one.

    Raises UsageError for bad input, found here or in the child; ChildError when there is no result to speak
    of; KeyboardInterrupt when the user stopped it before there was a record.
    """
    validate(settings)
    runs = Path(settings.output) / RUNS
    created = [folder for folder in (runs, *runs.parents) if not folder.exists()]
    witness = Witness(on_event)
    with scratch_file() as log:
        ending = run_child(
            worker,
            msgspec.to_builtins(settings),
            on_event=witness.see,
            timeout=settings.timeout,
            log=log,
            template=template,
            startup_timeout=max(settings.timeout, STARTUP_SECONDS),
        )
        if isinstance(ending, Refused):
            if witness.directory is not None:
                shutil.rmtree(witness.directory)
            remove_if_empty(created)
            raise UsageError(ending.message, hint=ending.hint)
        if witness.directory is None:
            remove_if_empty(created)
        return _conclude(ending, witness, log)


def _conclude(ending: Ending, witness: Witness, log: IO[bytes]) -> Captured:
    """Complete the record with what the child could not write any more, and save it."""
    directory, seen, log_tail = witness.directory, witness.last_seen(), worker_log.tail(log)
    if directory is None or not (directory / RUN_FILE).is_file():
        raise without_record(ending, log_tail, seen)
    try:
        remove_unfinished(directory)
        point_latest(directory)
        run = load_run(directory)
        run = replace(run, notes=(*run.notes, *keep(ending, log, directory)))
        run = _completed(run, ending, seen, log_tail)
        save_run(run, directory)
    except OSError as error:
        why = UnsavedError(directory, error.strerror or str(error))
        raise ChildError(str(why), log_tail=log_tail, directory=directory) from error
    if isinstance(ending, CrashedInside):
        raise ChildError(ending.message, report=ending.traceback, directory=directory)
    if run.verdict == "running":
        raise ChildError(
            "the child process finished without a verdict", log_tail=log_tail, directory=directory
        )
    return Captured(run=run, directory=directory, killed=_killed(ending))


def _killed(ending: Ending) -> str:
    outside = isinstance(ending, Died) and ending.how.startswith(
        ("died with SIGKILL", "died with SIGTERM", "was lost")
    )
    return ending.how if isinstance(ending, Died) and outside else ""


def _completed(run: Run, ending: Ending, seen: LastSeen, log_tail: tuple[str, ...]) -> Run:
    match ending:
        case Died() | Hung():
            return after_death(run, ending, seen, log_tail)
        case Interrupted():
            return after_interrupt(run, seen)
        case CrashedInside(message=message):
            return after_crash(run, message, seen)
        case Completed(afterwards=afterwards) if afterwards:
            return replace(run, notes=(*run.notes, afterwards))
    return run
