"""The whole command, stage by stage."""

from imp_graphcheck.capture.captured_stages import capture, replay
from imp_graphcheck.capture.conclusion import compare, conclude
from imp_graphcheck.capture.eager_stages import eager, load, noise_floor, prewarm, warm_up
from imp_graphcheck.capture.inspect_stage import inspect
from imp_graphcheck.capture.recorder import StageError
from imp_graphcheck.capture.session import Answers, Session
from imp_graphcheck.capture.speed_stage import speed
from imp_graphcheck.probes.lockstep_stage import locksteps

NAMES = (
    "load",
    "prewarm",
    "warm-up",
    "eager",
    "noise floor",
    "capture",
    "inspect",
    "replay",
    "compare",
    "speed",
)


def run_stages(session: Session) -> None:
    """All stages, up to the first that cannot be survived, and the verdict.

    Raises UsageError when the program cannot be built; there is no run then.
    """
    answers: Answers | None = None
    failed: str | None = None
    try:
        with session.device.recording():
            load(session)
            prewarm(session)
            session.device.keep_up()
            warm_up(session)
            answers = eager(session)
            session.device.keep_up()
            noise_floor(session, answers)
            session.device.keep_up()
            capture(session)
            inspect(session)
            replay(session, answers)
            compare(session)
            locksteps(session)
        speed(session)
    except StageError as failure:
        failed = str(failure)
        _skip_the_rest(session)
    conclude(session, answers, failed)
    if not session.dead:
        session.program.teardown()


def _skip_the_rest(session: Session) -> None:
    reached = session.recorder.run.stages[-1].name
    for name in NAMES[NAMES.index(reached) + 1 :]:
        session.recorder.skip(name, f"{reached} failed")
