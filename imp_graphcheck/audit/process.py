"""Audits of a program as it is: `audit-syncs -- COMMAND`, from the environment that loads our library to the saved record."""

import shlex
import time
from dataclasses import dataclass
from pathlib import Path

from imp_graphcheck.audit.launch import Audited
from imp_graphcheck.audit.opened import closed, opened
from imp_graphcheck.child.events import StageFinished, StageStarted
from imp_graphcheck.child.listener import OnEvent
from imp_graphcheck.inject import ProcessAudit, audit_process
from imp_graphcheck.record.audit import Audit
from imp_graphcheck.record.run import Stage

TRACES = "traces"
"""The folder of an audit that keeps what the injected library wrote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSettings:
    """What is run, and `source`, the folder relative to which its source files are named."""

    program: tuple[str, ...]
    output: Path
    source: Path | None = None
    command: tuple[str, ...] = ()


def audit_program(settings: ProcessSettings, on_event: OnEvent) -> Audited:
    """Run the program to its end, and save what its calls mean. Raises UsageError where it cannot be run or watched.

    A program that dies, or is interrupted, leaves an audit with the status `partial`.
    """
    words = shlex.join(settings.program)
    started = time.monotonic()
    with opened(settings.output, Path(settings.program[0]).name, settings.command) as (audit, directory):
        on_event(StageStarted("program"))
        found = audit_process(
            settings.program, directory=settings.source or Path.cwd(), traces=directory / TRACES
        )
        detail = f"{words}: {found.captures} captures, {found.graph_launches} graph launches"
        on_event(
            StageFinished(
                Stage(
                    name="program",
                    status="ok" if found.returncode == 0 else "failed",
                    seconds=found.seconds,
                    detail=detail,
                )
            )
        )
        audit = closed(_told(audit, found, words), directory, seconds=time.monotonic() - started)
    return Audited(audit=audit, directory=directory)


def _told(audit: Audit, found: ProcessAudit, words: str) -> Audit:
    status, reason = found.status, found.status_reason
    if status == "complete" and not found.captures:
        # Where nothing was captured, nothing can be said of what a capture would mind.
        status, reason = "partial", "no stream was captured while the program ran"
    notes = found.notes
    if found.returncode > 0:
        notes = (f"the program exited with {found.returncode}", *notes)
    return Audit(
        id=audit.id,
        command=audit.command,
        tool_version=audit.tool_version,
        started_at=audit.started_at,
        environment=found.environment,
        target=words,
        device="cuda",
        traced_by=found.traced_by,
        status=status,
        status_reason=reason,
        headline=found.headline,
        sites=found.sites,
        notes=notes,
    )
