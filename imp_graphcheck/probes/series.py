"""The probes that `capture --probe` names, one after the other, the one that replaces the graphs last."""

from imp_graphcheck.capture.recorder import StageError
from imp_graphcheck.capture.session import Answers, Session, headline
from imp_graphcheck.capture.settings import PROBES, chosen_probes
from imp_graphcheck.probes.arm import run_arm
from imp_graphcheck.probes.delay import delay
from imp_graphcheck.probes.first_use import first_use
from imp_graphcheck.probes.host_state import host_state
from imp_graphcheck.probes.padding import padding

_AGAINST_REPLAYS = {"delay": delay, "padding": padding}
_AGAINST_EAGER = {"host-state": host_state, "first-use": first_use}


def run_probes(session: Session, answers: Answers) -> None:
    """Each probe as a stage; results and findings go into the record as they come."""
    wanted = chosen_probes(session.settings.probe)
    if not wanted or not session.program.runner.captured:
        return
    untried = [name for name in PROBES if name not in wanted]
    if untried:
        # What was not looked for is part of what a clean verdict says.
        session.recorder.note(f"not tried: {', '.join(untried)} (--probe all)")
    if any(name in _AGAINST_REPLAYS for name in wanted):
        base = run_arm(session, answers)
        if base.error is not None:
            raise StageError(f"probes: {headline(base.error)}") from base.error
        if base.outcome != "right":
            session.recorder.note("delay and padding were not tried: the replays are wrong without them")
            wanted = tuple(name for name in wanted if name not in _AGAINST_REPLAYS)
    for name in wanted:
        with session.recorder.stage(name) as notes:
            if name in _AGAINST_REPLAYS:
                results, findings = _AGAINST_REPLAYS[name](session, base.answers)
            else:
                # A graph that is read needs to know whose memory it points at.
                with session.device.recording():
                    results, findings = _AGAINST_EAGER[name](session, answers)
            session.find(*findings)
            run = session.recorder.run
            session.recorder.update(probes=(*run.probes, *results), findings=tuple(session.findings))
            notes.detail = "; ".join(f"{result.intervention}: {result.outcome}" for result in results)
            if any(finding.severity != "note" for finding in findings):
                notes.status = "failed"
        if session.dead:
            raise StageError(f"{name}: the device did not survive it")
