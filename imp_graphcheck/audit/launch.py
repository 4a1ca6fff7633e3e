"""The parent's half of `audit-syncs MODEL`: two children, and the audit that both together make."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
from msgspec import structs

from imp_graphcheck.audit.seen import COLD_FILE, WARM_FILE, Seen, take_seen
from imp_graphcheck.audit.settings import AuditSettings
from imp_graphcheck.audit.sites import audit_sites
from imp_graphcheck.capture.leftovers import keep, without_record
from imp_graphcheck.capture.settings import remove_if_empty, validate
from imp_graphcheck.capture.whereabouts import whereabouts
from imp_graphcheck.capture.witness import Witness
from imp_graphcheck.child import log as worker_log
from imp_graphcheck.child.ending import Completed, CrashedInside, Died, Ending, Hung, Interrupted, Refused
from imp_graphcheck.child.failure import ChildError
from imp_graphcheck.child.listener import OnEvent
from imp_graphcheck.child.process import run_child
from imp_graphcheck.child.scratch import scratch_file
from imp_graphcheck.child.template import Template
from imp_graphcheck.errors import UsageError
from imp_graphcheck.record.audit import Audit
from imp_graphcheck.record.audit_store import AUDIT_FILE, AUDITS, load_audit, save_audit
from imp_graphcheck.record.store import UnsavedError, point_latest

WORKER = ("-m", "imp_graphcheck.audit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """A saved audit and where it lies."""

    audit: Audit
    directory: Path


def run_audit(
    settings: AuditSettings,
    *,
    on_event: OnEvent,
    worker: tuple[str, ...] = WORKER,
    template: Template | None = None,
) -> Audited:
    """Run the program under a trace, warm and then cold, and judge every call that it made.

    An audit that was cut short (Ctrl-C, a child that died) is returned as far as it came, with the status `partial`. Raises
    UsageError for bad input, found here or in the child; ChildError when there is no result to speak of;
    KeyboardInterrupt when the user stopped it before there was a record.
    """
    validate(settings)
    started = time.monotonic()
    audits = Path(settings.output) / AUDITS
    created = [folder for folder in (audits, *audits.parents) if not folder.exists()]
    witness = Witness(on_event)
    with scratch_file() as log:
        ending = run_child(
            worker,
            msgspec.to_builtins(replace(settings, part="warm")),
            on_event=witness.see,
            timeout=settings.timeout,
            log=log,
            template=template,
        )
        log_tail = worker_log.tail(log)
        directory = witness.directory
        if directory is None or not (directory / AUDIT_FILE).is_file():
            remove_if_empty(created)
            if isinstance(ending, Refused):
                raise UsageError(ending.message, hint=ending.hint)
            raise without_record(ending, log_tail, witness.last_seen())
        with _saving(directory, log_tail):
            remarks = tuple(keep(ending, log, directory))
            audit = _after(load_audit(directory), ending, witness.last_seen().moment, remarks)
            save_audit(audit, directory)
            point_latest(directory)
    cold = None
    if settings.cold and isinstance(ending, Completed):
        cold = _run_cold(replace(settings, part="cold", directory=str(directory)), on_event, worker, template)
    with _saving(directory, log_tail):
        audit = _completed(audit, directory, cold, time.monotonic() - started)
    if isinstance(ending, CrashedInside):
        raise ChildError(ending.message, report=ending.traceback, directory=directory)
    return Audited(audit=audit, directory=directory)


def _run_cold(
    settings: AuditSettings, on_event: OnEvent, worker: tuple[str, ...], template: Template | None
) -> Ending:
    """The second child. Its directory is the first one's, and so is its record."""
    with scratch_file() as log:
        return run_child(
            worker,
            msgspec.to_builtins(settings),
            on_event=on_event,
            timeout=settings.timeout,
            log=log,
            template=template,
        )


def _after(audit: Audit, ending: Ending, moment: str, remarks: tuple[str, ...]) -> Audit:
    """The audit of the warm child with the way in which it ended."""
    audit = structs.replace(audit, notes=(*audit.notes, *remarks))
    match ending:
        case Completed(afterwards=afterwards):
            return structs.replace(audit, notes=(*audit.notes, *filter(None, (afterwards,))))
        case CrashedInside(message=message):
            return structs.replace(audit, status="failed", status_reason=message)
        case Interrupted() if audit.status != "complete":
            return structs.replace(audit, status="partial", status_reason=f"interrupted {moment}")
        case Died() | Hung():
            return structs.replace(audit, status="partial", status_reason=f"{_how(ending)} {moment}")
    return audit


def _completed(audit: Audit, directory: Path, cold: Ending | None, seconds: float) -> Audit:
    """Judge both children's calls together, and save the result."""
    warm = take_seen(directory / WARM_FILE)
    first = Seen() if cold is None else take_seen(directory / COLD_FILE)
    audit = structs.replace(audit, notes=(*audit.notes, *first.notes), seconds=seconds)
    if cold is not None and not isinstance(cold, Completed):
        audit = structs.replace(
            audit,
            status="partial",
            status_reason=audit.status_reason or f"{_how(cold)} in the cold pass",
        )
    if first.sightings:
        sites = audit_sites((*warm.sightings, *first.sightings), warm.outcome, Path.cwd())
        audit = structs.replace(audit, sites=sites)
    save_audit(audit, directory)
    return audit


def _how(ending: Ending) -> str:
    match ending:
        case Died(how=how):
            return f"the process {how}"
        case Hung(seconds=seconds, stacks=stacks):
            where = whereabouts(stacks)
            return (
                f"the process made no progress for {seconds:.0f} s" + (f" ({where})" if where else "") + ", "
            )
        case Refused(message=message) | CrashedInside(message=message):
            return message
        case Interrupted():
            return "interrupted"
    return "ended"


@contextmanager
def _saving(directory: Path, log_tail: tuple[str, ...]) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = UnsavedError(directory, error.strerror or str(error))
        raise ChildError(str(why), log_tail=log_tail, directory=directory) from error
