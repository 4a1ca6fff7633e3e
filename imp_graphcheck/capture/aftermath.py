"""How the end of the child process enters the record: pure functions from a partial run to a finished one."""

import signal
from dataclasses import dataclass

from msgspec.structs import replace

from imp_graphcheck.capture.whereabouts import STACKS_FILE, whereabouts
from imp_graphcheck.child.ending import Died, Hung
from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.run import Run, Stage, StageStatus

DEATH_CODE = "GC209"

_CAUSES = {
    -signal.SIGKILL: "SIGKILL is mostly the system running out of memory: try a smaller --pp or --requests",
    -signal.SIGSEGV: "native code touched host memory that is not there",
    -signal.SIGTERM: "SIGTERM comes from outside: a job scheduler, a container that is stopped, or a person",
    -signal.SIGABRT: "native code gave up on an error that it could not report",
}
_HEARTBEATS = {
    True: "; it was still running, so it waited for something, most likely the device",
    False: "; its interpreter had stopped answering, so it was stuck in native code",
    None: "",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LastSeen:
    """What the events told before they stopped: the stages that ended, and the one that was under way."""

    finished: tuple[Stage, ...] = ()
    current: str | None = None
    seconds: float = 0.0

    @property
    def moment(self) -> str:
        """When it happened: `during replay`."""
        if self.current is not None:
            return f"during {self.current}"
        if self.finished:
            last = self.finished[-1]
            # A stage that Ctrl-C ends may still find the time to say so.
            return f"{'during' if last.status == 'interrupted' else 'after'} {last.name}"
        return "before the first stage"


def after_death(run: Run, ending: Died | Hung, seen: LastSeen, log_tail: tuple[str, ...]) -> Run:
    """The run of a child that died or hung: a finding, whatever else had been seen."""
    match ending:
        case Died(how=how, returncode=returncode, stacks=stacks):
            what = f"the process {how}"
            where = whereabouts(stacks)
            message = f"{what} {seen.moment}" + (f", in {where}" if where else "")
            advice = _CAUSES.get(returncode)
        case Hung(seconds=seconds, responsive=responsive, stacks=stacks):
            what = f"the process made no progress for {seconds:.0f} s"
            where = whereabouts(stacks)
            message = f"{what} {seen.moment} and was killed{_HEARTBEATS[responsive]}"
            message += f"; it hung in {where}" if where else ""
            advice = "if the step is only slow, raise --timeout"
    remedy = "; ".join(filter(None, (advice, *_where_to_look(run, ending, log_tail))))
    finding = Finding(
        code=DEATH_CODE, severity="error", confidence="confirmed", message=message, remedy=remedy
    )
    return replace(
        _with_stages(run, seen, "died", what),
        verdict="findings",
        verdict_reason=message,
        findings=(*run.findings, finding),
        notes=(*run.notes, *_log_note(log_tail)),
    )


def after_interrupt(run: Run, seen: LastSeen) -> Run:
    """The run of a child that the user stopped. Changes nothing that a child finished by itself."""
    if run.verdict not in ("running", "interrupted"):
        return run
    reason = run.verdict_reason or f"interrupted {seen.moment}"
    return replace(_with_stages(run, seen, "interrupted", ""), verdict="interrupted", verdict_reason=reason)


def after_crash(run: Run, message: str, seen: LastSeen) -> Run:
    """The run of a child that ran into a mistake of this tool."""
    return replace(_with_stages(run, seen, "failed", message), verdict="failed", verdict_reason=message)


def _with_stages(run: Run, seen: LastSeen, status: StageStatus, detail: str) -> Run:
    """The stages of the record, those that ended after it was last saved, and the one under way as `status`."""
    stages = run.stages + seen.finished[len(run.stages) :]
    if seen.current is not None and len(stages) <= len(seen.finished):
        stages = (*stages, Stage(name=seen.current, status=status, seconds=seen.seconds, detail=detail))
    return replace(run, stages=stages)


def _where_to_look(run: Run, ending: Died | Hung, log_tail: tuple[str, ...]) -> tuple[str, ...]:
    stacks = (f"read {STACKS_FILE}",) if ending.stacks else ()
    log = ("read the end of worker.log",) if log_tail else ()
    blocking = ("run it again with CUDA_LAUNCH_BLOCKING=1",) if run.target.device == "cuda" else ()
    return stacks + log + blocking


def _log_note(log_tail: tuple[str, ...]) -> tuple[str, ...]:
    return ("worker.log ends with:\n" + "\n".join(log_tail),) if log_tail else ()
