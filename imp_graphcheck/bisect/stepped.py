"""The trial for a death that nothing explains: every graph is launched node by node, until one does not come back."""

from imp_graphcheck.capture.captured_stages import capture
from imp_graphcheck.capture.eager_stages import eager, load, noise_floor, prewarm, warm_up
from imp_graphcheck.capture.reading import read
from imp_graphcheck.capture.recorder import StageError
from imp_graphcheck.capture.session import Answers, Session
from imp_graphcheck.checks.failures import check_replay_failure
from imp_graphcheck.probes.step import step


def run_stepped(session: Session) -> None:
    """The node that was reached last is on disk before it is launched."""
    failed = None
    try:
        with session.device.recording():
            load(session)
            prewarm(session)
            warm_up(session)
            answers = eager(session)
            noise_floor(session, answers)
            capture(session)
            session.recorder.update(
                graphs=tuple(read(session, graph) for graph in session.program.runner.captured.values())
            )
            _step_all(session, answers)
    except StageError as failure:
        failed = str(failure)
    session.recorder.update(
        verdict="inconclusive" if failed else "findings" if session.findings else "clean",
        verdict_reason=failed or "every graph was stepped",
        findings=tuple(session.findings),
    )
    if not session.dead:
        session.program.teardown()


def _step_all(session: Session, answers: Answers) -> None:
    session.restore()
    with session.recorder.stage("step", len(session.calls)) as notes:
        for call in session.calls:
            if call.closed or session.closed.get(call.key):
                continue
            session.program.prepare(call)
            stepped = step(session, answers, call)
            run = session.recorder.run
            session.recorder.update(probes=(*run.probes, stepped.result))
            notes.detail = stepped.result.detail
            if stepped.failure is not None:
                session.find(check_replay_failure(stepped.failure))
                session.save_findings()
                notes.status = "failed"
                return
            session.program.between(call)
            notes.step()
