"""The trial for faults that come and go: pass after pass over the workload, until one is wrong."""

from imp_graphcheck.bisect.trial_settings import TrialSettings
from imp_graphcheck.capture.captured_stages import capture
from imp_graphcheck.capture.eager_stages import eager, load, noise_floor, prewarm, warm_up
from imp_graphcheck.capture.recorder import StageError
from imp_graphcheck.capture.session import Session
from imp_graphcheck.probes.arm import Arm, run_arm
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
            session.recorder.update(probes=(result,))
    except StageError as failure:
        failed = str(failure)
    session.recorder.update(
        verdict="inconclusive" if failed else "clean",
        verdict_reason=failed or "",
        findings=tuple(session.findings),
    )
    if not session.dead:
        session.program.teardown()


def _result(arms: list[Arm]) -> ProbeResult:
    bad = [arm for arm in arms if arm.outcome != "right"]
    worst = max(bad, key=lambda arm: len(arm.wrong), default=arms[0])
    # The rule of three: what did not happen in n independent tries happens, at 95 %, less often than 3 in n.
    confidence = (
        f", so at 95 % it fails in fewer than {min(1.0, 3 / len(arms)):.0%} of them" if not bad else ""
    )
    told = f"{len(bad) or 'none'} of {len(arms)} passes failed{confidence}"
    return worst.result("replay", "the workload again and again, from the same state", detail=told)
