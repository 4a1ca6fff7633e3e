"""The trial for what no arm showed that finds its graphs made: from nothing first, then pass after pass."""

from imp_graphcheck.bisect.trial_settings import TrialSettings
from imp_graphcheck.capture.captured_stages import capture
from imp_graphcheck.capture.eager_stages import eager, load, noise_floor, prewarm, warm_up
from imp_graphcheck.capture.recorder import StageError
from imp_graphcheck.capture.session import Answers, Session
from imp_graphcheck.probes.arm import Arm, run_arm
from imp_graphcheck.probes.first_use import first_use
from imp_graphcheck.record.probe import ProbeResult


def run_repeated(session: Session, settings: TrialSettings) -> None:
    """`settings.repeat` passes, or fewer where the device does not survive."""
    failed = None
    try:
        load(session)
        prewarm(session)
        warm_up(session)
        answers = eager(session)
        noise_floor(session, answers)
        _first_use(session, answers)
        capture(session)
        with session.recorder.stage("repeated", settings.repeat) as notes:
            arms: list[Arm] = []
            for _ in range(settings.repeat):
                arms.append(run_arm(session, answers))
                notes.step()
                if session.dead:
                    break
            result = _result(arms)
            notes.detail = result.detail
            session.recorder.update(probes=(*session.recorder.run.probes, result))
    except StageError as failure:
        failed = str(failure)
    session.recorder.update(
        verdict="inconclusive" if failed else "clean",
        verdict_reason=failed or "",
        findings=tuple(session.findings),
    )
    if not session.dead:
        session.program.teardown()


def _first_use(session: Session, answers: Answers) -> None:
    """Before any graph is there."""
    with session.recorder.stage("first use", len(session.calls)) as notes:
        results, findings = first_use(session, answers)
        session.find(*findings)
        session.recorder.update(probes=tuple(results), findings=tuple(session.findings))
        notes.detail = results[0].detail or results[0].outcome
        session.program.runner.start_over(reason="the graphs of the first uses")
    if session.dead:
        raise StageError("first use: the device did not survive it")


def _result(arms: list[Arm]) -> ProbeResult:
    bad = [arm for arm in arms if arm.outcome != "right"]
    worst = max(bad, key=lambda arm: len(arm.wrong), default=arms[0])
    # The rule of three: what did not happen in n independent tries happens, at 95 %, less often than 3 in n.
    confidence = (
        f", so at 95 % it fails in fewer than {min(1.0, 3 / len(arms)):.0%} of them" if not bad else ""
    )
    told = f"{len(bad) or 'none'} of {len(arms)} passes failed{confidence}"
    return worst.result("replay", "the workload again and again, from the same state", detail=told)
