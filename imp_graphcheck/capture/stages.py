"""The whole command, stage by stage."""

from collections.abc import Callable
from dataclasses import dataclass

from imp_graphcheck.capture.captured_stages import capture, replay
from imp_graphcheck.capture.conclusion import compare, conclude
from imp_graphcheck.capture.eager_stages import eager, load, noise_floor, prewarm, warm_up
from imp_graphcheck.capture.inspect_stage import inspect
from imp_graphcheck.capture.recorder import StageError
from imp_graphcheck.capture.session import Answers, Session
from imp_graphcheck.capture.settings import STAGES
from imp_graphcheck.capture.speed_stage import speed


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiments:
    """What is done to the program beyond running it. The stages know nothing of how; see `imp_graphcheck.probes`.

    `after_compare` may find out more where a graph answered wrongly; `at_the_end` may leave graphs and state as it likes.
    """

    after_compare: Callable[[Session], None] = lambda _session: None
    at_the_end: Callable[[Session, Answers], None] = lambda _session, _answers: None


def run_stages(session: Session, experiments: Experiments = Experiments()) -> None:
    """All stages that are wanted, up to the first that cannot be survived, and the verdict.

    Raises UsageError when the program cannot be built; there is no run then.
    """
    eager_arm: list[Answers] = []
    failed: str | None = None
    wanted = STAGES[: STAGES.index(session.settings.until) + 1]
    try:
        with session.device.recording():
            for name in wanted:
                if name != "speed":
                    _run(name, session, eager_arm, experiments)
        if "speed" in wanted:
            speed(session)
            experiments.at_the_end(session, eager_arm[0])
        _skip_after(wanted[-1], session, "not asked for")
    except StageError as failure:
        failed = str(failure)
        reached = session.recorder.run.stages[-1].name
        _skip_after(reached, session, f"{reached} failed")
    answers = eager_arm[0] if eager_arm else None
    conclude(session, answers, failed)
    if not session.dead:
        session.program.teardown()


def _run(name: str, session: Session, eager_arm: list[Answers], experiments: Experiments) -> None:
    """One stage of those that are recorded. The eager arm leaves its answers in `eager_arm`."""
    match name:
        case "load":
            load(session)
        case "prewarm":
            prewarm(session)
            session.device.keep_up()
        case "warm-up":
            warm_up(session)
        case "eager":
            eager_arm.append(eager(session))
            session.device.keep_up()
        case "noise floor":
            noise_floor(session, eager_arm[0])
            session.device.keep_up()
        case "capture":
            capture(session)
        case "inspect":
            inspect(session)
        case "replay":
            replay(session, eager_arm[0])
        case "compare":
            compare(session)
            experiments.after_compare(session)


def _skip_after(reached: str, session: Session, why: str) -> None:
    if reached not in STAGES:
        return
    for name in STAGES[STAGES.index(reached) + 1 :]:
        session.recorder.skip(name, why)
