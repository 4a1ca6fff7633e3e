"""The trial for a death that keeping everything alive does not prevent: does a capture for each call?

Something frozen (an offset, a length) can send a kernel out of bounds, and then no pass through the shared graphs comes
to its end. Nothing of another call is in a graph that was captured for its own call alone.
"""

from imp_graphcheck.bisect.kept_alive import add_fresh
from imp_graphcheck.capture.eager_stages import eager, load, noise_floor, prewarm, warm_up
from imp_graphcheck.capture.recorder import StageError
from imp_graphcheck.capture.session import Session


def run_captured_anew(session: Session) -> None:
    """Eager, and then every call through a graph of its own."""
    failed = None
    try:
        with session.device.recording():
            load(session)
            prewarm(session)
            warm_up(session)
            answers = eager(session)
            noise_floor(session, answers)
            add_fresh(session, answers)
    except StageError as failure:
        failed = str(failure)
    session.recorder.update(
        verdict="inconclusive" if failed else "clean",
        verdict_reason=failed or "every call went through a graph of its own",
        findings=tuple(session.findings),
    )
    if not session.dead:
        session.program.teardown()
