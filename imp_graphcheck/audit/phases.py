"""What the warm child does: each phase of a program's life, with its calls watched."""

from collections.abc import Callable, Hashable
from pathlib import Path

from imp_engine.graph import Output
from imp_graphcheck.audit.headline import headline_of
from imp_graphcheck.audit.keeper import Keeper
from imp_graphcheck.audit.watch import Watch
from imp_graphcheck.capture.program_errors import program_errors
from imp_graphcheck.capture.recorder import StageError, environment_of
from imp_graphcheck.capture.session import Session, headline
from imp_graphcheck.capture.words import counted
from imp_graphcheck.device.blame import site_of_error
from imp_graphcheck.record.audit import Phase
from imp_graphcheck.target import Call

STEPS = 2
"""Eager passes of each key, of calls that differ where the workload has such: they tell a constant from an input."""


def run_phases(session: Session, keeper: Keeper) -> None:
    """All phases, up to the first that cannot be survived; the audit is saved after each.

    Raises UsageError when the program cannot be built; there is no audit then.
    """
    with session.device.trace_calls() as recording:
        watch = Watch(session.device, recording)
        _load(session, watch, keeper)
        keeper.save(watch.sightings, traced_by=recording.traced_by, notes=recording.notes)
        keeper.announce()
        try:
            for name, phase in _PHASES:
                with watch.phase(name):
                    phase(session, watch, keeper)
                keeper.save(watch.sightings)
        except StageError as error:
            keeper.save(
                watch.sightings, status="partial" if session.dead else "failed", status_reason=str(error)
            )
            return
        if keeper.outcome.was_tried:
            keeper.save(watch.sightings, status="complete")
        else:
            reason = "nothing was captured: no call may run through a graph"
            keeper.save(watch.sightings, status="partial", status_reason=reason)
    session.program.teardown()


def watched(session: Session, watch: Watch, call: Call) -> Callable[[], Output]:
    """`forward` of `call`, as the region that is or would be captured."""

    def forward() -> Output:
        with watch.region(call.key):
            return session.program.forward(call)

    return forward


def _load(session: Session, watch: Watch, keeper: Keeper) -> None:
    program, device, settings = session.program, session.device, session.settings
    with session.recorder.stage("load") as notes, watch.phase("load"):
        target = program.load(device, settings.capture_mode)
        keys = len(session.first_calls)
        notes.detail = f"{target.name} on {device.kind}: {counted(len(session.calls), 'call')}, {counted(keys, 'graph key')}"
    keeper.open(
        Path(settings.output),
        target.name,
        command=settings.command,
        device=device.kind,
        environment=environment_of(device.describe()),
    )


def _prewarm(session: Session, _watch: Watch, _keeper: Keeper) -> None:
    with session.recorder.stage("prewarm") as notes, program_errors(session, "prewarm"):
        notes.detail = session.program.prewarm()
        session.device.synchronize()
        session.start = session.snapshot()


def _warm_up(session: Session, watch: Watch, _keeper: Keeper) -> None:
    calls = session.first_calls
    with session.recorder.stage("warm-up", len(calls)) as notes, program_errors(session, "warm-up"):
        for call in calls:
            session.program.prepare(call)
            session.program.runner.warm(call.key, watched(session, watch, call))
            session.device.synchronize()
            session.program.between(call)
            notes.step()
        notes.detail = f"one eager call for each graph key ({len(calls)}), on the capture stream"


def _eager(session: Session, watch: Watch, _keeper: Keeper) -> None:
    calls = steps_of(session.calls)
    with session.recorder.stage("eager", len(calls)) as notes, program_errors(session, "eager"):
        session.restore()
        for call in calls:
            session.program.prepare(call)
            session.program.runner.on_capture_stream(watched(session, watch, call))
            session.device.synchronize()
            session.program.between(call)
            notes.step()
        session.restore()
        notes.detail = f"{counted(len(calls), 'call')}, up to {STEPS} of each graph key"


def _capture(session: Session, watch: Watch, keeper: Keeper) -> None:
    """Capture the graph of every key. What fails is a headline, and the other keys are still tried."""
    runner = session.program.runner
    wanted = [call for call in session.first_calls if (call.closed or runner.closed(call.key)) is None]
    with session.recorder.stage("capture", len(wanted)) as notes:
        for call in wanted:
            _captured(session, watch, keeper, call)
            notes.step()
        failed = len(keeper.outcome.failed)
        notes.detail = f"{len(runner.captured)} of {counted(len(wanted), 'graph key')} captured"
        if failed:
            notes.status = "failed"
        elif not wanted:
            notes.status, notes.detail = "skipped", "no call may run through a graph"


def _captured(session: Session, watch: Watch, keeper: Keeper, call: Call) -> None:
    key = str(call.key)
    error = _capture_error(session, watch, call)
    if error is None:
        keeper.captured(key)
        with program_errors(session, "capture"):
            session.program.between(call)
        return
    call_that_failed = watch.failed_call()
    failed = None if call_that_failed is None else watch.place(call_that_failed)
    site = site_of_error(error) if failed is None else failed.site
    found = headline_of(error, failed, site, watch.sightings, session.settings.capture_mode)
    keeper.failed(key, None if site is None else (site.file, site.line))
    keeper.note(f"the capture of {key} failed: {found.api}: {found.error}")
    if keeper.audit.headline is None:
        keeper.save(watch.sightings, headline=found)
    session.dead = session.is_dead(error)
    if session.dead:
        raise StageError(f"capture of {key}: {headline(error)}") from error


def _capture_error(session: Session, watch: Watch, call: Call) -> Exception | None:
    program = session.program
    try:
        program.prepare(call)
        program.runner.capture(call.key, watched(session, watch, call))
        session.device.synchronize()
    except Exception as error:  # noqa: BLE001 - whatever the program raises is the headline
        return error
    return None


def _replay(session: Session, _watch: Watch, _keeper: Keeper) -> None:
    """Two passes over the calls that have a graph: what is outside of the region is called again each time."""
    runner = session.program.runner
    calls = [call for call in steps_of(session.calls) if call.closed is None and call.key in runner.captured]
    with session.recorder.stage("replay", len(calls)) as notes:
        session.restore()
        for call in calls:
            try:
                session.program.prepare(call)
                runner.replay(call.key)
                session.device.synchronize()
                session.program.between(call)
            except Exception as error:
                session.dead = session.is_dead(error)
                raise StageError(f"replay of {call.label}: {headline(error)}") from error
            notes.step()
        notes.detail = counted(len(calls), "replay")
        if not calls:
            notes.status = "skipped"


_PHASES: tuple[tuple[Phase, Callable[[Session, Watch, Keeper], None]], ...] = (
    ("prewarm", _prewarm),
    ("warm-up", _warm_up),
    ("eager", _eager),
    ("capture", _capture),
    ("replay", _replay),
)


def steps_of(calls: tuple[Call, ...]) -> list[Call]:
    """The first calls of every key, `STEPS` of each at most, in the order of the workload."""
    taken: dict[Hashable, int] = {}
    chosen = []
    for call in calls:
        taken[call.key] = taken.get(call.key, 0) + 1
        if taken[call.key] <= STEPS:
            chosen.append(call)
    return chosen
