"""The whole command, stage by stage."""

from imp_graphcheck.capture.captured_stages import capture, replay
from imp_graphcheck.capture.conclusion import compare, conclude
from imp_graphcheck.capture.eager_stages import eager, load, noise_floor, prewarm, warm_up
from imp_graphcheck.capture.recorder import StageFailed
from imp_graphcheck.capture.session import Session
from imp_graphcheck.capture.speed_stage import speed


def run_stages(session: Session) -> None:
    """All stages, up to the first that cannot be survived, and the verdict.

    Raises UsageError when the program cannot be built; there is no run then.
    """
    load(session)
    answers = None
    try:
        prewarm(session)
        warm_up(session)
        answers = eager(session)
        noise_floor(session, answers)
        capture(session)
        replay(session, answers)
        compare(session)
        speed(session)
    except StageFailed as failed:
        conclude(session, answers, str(failed))
    else:
        conclude(session, answers, None)
    session.program.teardown()
