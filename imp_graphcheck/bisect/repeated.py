"""The trial for what no arm showed that finds its graphs made: from nothing first, then pass after pass.

From nothing means before any eager pass: what grows on demand is still small, and whatever a later call replaces was
seen by the graphs of the calls before it. The graphs are looked at when the workload is over, as often as it is run.
"""

from imp_graphcheck.bisect.trial_settings import TrialSettings
from imp_graphcheck.capture.captured_stages import capture
from imp_graphcheck.capture.census import take_census
from imp_graphcheck.capture.eager_stages import eager, load, noise_floor, prewarm, warm_up
from imp_graphcheck.capture.reading import read
from imp_graphcheck.capture.recorder import StageError, StageNotes
from imp_graphcheck.capture.session import Answers, Session, headline
from imp_graphcheck.checks.failures import check_replay_failure
from imp_graphcheck.probes.arm import Arm, run_arm
from imp_graphcheck.probes.first_use import Lived, died, held_against, live
from imp_graphcheck.probes.freed import poison_freed
from imp_graphcheck.record.probe import ProbeResult


def run_repeated(session: Session, settings: TrialSettings) -> None:
    """`settings.repeat` passes, or fewer where the device does not survive."""
    failed = None
    try:
        with session.device.recording():
            _all_stages(session, settings)
    except StageError as failure:
        failed = str(failure)
    session.recorder.update(
        verdict="inconclusive" if failed else "findings" if session.findings else "clean",
        verdict_reason=failed or "",
        findings=tuple(session.findings),
    )
    if not session.dead:
        session.program.teardown()


def _all_stages(session: Session, settings: TrialSettings) -> None:
    load(session)
    prewarm(session)
    session.device.keep_up()
    lived = _from_nothing(session)
    answers = eager(session)
    session.device.keep_up()
    noise_floor(session, answers)
    _judged(session, lived, answers)
    session.program.runner.start_over(reason="the graphs of the first uses")
    warm_up(session)
    capture(session)
    _passes(session, answers, settings.repeat)


def _from_nothing(session: Session) -> Lived:
    with session.recorder.stage("first use", len(session.calls)) as notes:
        lived = live(session)
        notes.detail = "every call as it came"
        if lived.error is not None:
            notes.detail = headline(lived.error)
        take_census(session)
    if session.dead and lived.error is not None and lived.failed_at is not None:
        session.find(check_replay_failure(session.failure(lived.error, lived.failed_at.key)))
        _add(session, died(lived))
        raise StageError(f"first use: {headline(lived.error)}") from lived.error
    return lived


def _judged(session: Session, lived: Lived, answers: Answers) -> None:
    """Against eager, and with other content in what is dead."""
    with session.recorder.stage("judged") as notes:
        results, findings = held_against(session, lived, answers)
        session.find(*findings)
        for result in results:
            _add(session, result)
        notes.detail = results[0].detail or results[0].outcome
        if not session.dead:
            _prove(session, answers, notes)
    if session.dead:
        raise StageError("first use: the device did not survive it")


def _passes(session: Session, answers: Answers, count: int) -> None:
    with session.recorder.stage("repeated", count) as notes:
        arms: list[Arm] = []
        for _ in range(count):
            arms.append(run_arm(session, answers))
            notes.step()
            if session.dead:
                break
        result = _result(arms)
        notes.detail = result.detail
        _add(session, result)
        if not session.dead:
            _look(session)
            _prove(session, answers, notes)


def _look(session: Session) -> None:
    """What has become of the memory that the graphs point at."""
    captured = session.program.runner.captured.values()
    session.recorder.remember(graphs=tuple(read(session, graph) for graph in captured))
    take_census(session)


def _prove(session: Session, answers: Answers, notes: StageNotes) -> None:
    if not any(finding.code in ("GC201", "GC202") for finding in session.findings):
        return
    steady = run_arm(session, answers)
    if steady.error is None:
        results = poison_freed(session, steady.answers)
        for result in results:
            _add(session, result)
        told = [result for result in results if result.outcome != "right"]
        if told:
            notes.detail += f"; {told[0].intervention}: {told[0].detail or told[0].outcome}"


def _add(session: Session, result: ProbeResult) -> None:
    session.recorder.update(probes=(*session.recorder.run.probes, result), findings=tuple(session.findings))


def _result(arms: list[Arm]) -> ProbeResult:
    bad = [arm for arm in arms if arm.outcome != "right"]
    worst = max(bad, key=lambda arm: len(arm.wrong), default=arms[0])
    # The rule of three: what did not happen in n independent tries happens, at 95 %, less often than 3 in n.
    confidence = (
        f", so at 95 % it fails in fewer than {min(1.0, 3 / len(arms)):.0%} of them" if not bad else ""
    )
    told = f"{len(bad) or 'none'} of {len(arms)} passes failed{confidence}"
    return worst.result("replay", "the workload again and again, from the same state", detail=told)
