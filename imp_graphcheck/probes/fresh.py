"""A capture for each call: nothing that was frozen at an earlier one can be left in it.

Where replays of a graph that serves several calls are wrong, and replays of a graph of the call's own are right, the
graph is reused for a call that it does not fit.
"""

from imp_engine.graph import CapturedGraph
from imp_graphcheck.capture.session import Answers, Session
from imp_graphcheck.probes.arm import Arm, run_arm
from imp_graphcheck.target import Call


def fresh_captures(session: Session, answers: Answers) -> Arm:
    """Every call through a graph that was captured for it alone."""
    runner, forward = session.program.runner, session.program.forward
    last: list[CapturedGraph] = []

    def answer(call: Call) -> object:
        for captured in last:
            captured.graph.reset()
        if call.closed or session.closed.get(call.key):
            last.clear()
            return forward(call)
        last[:] = [runner.capture_unfiled(call.key, lambda: forward(call))]
        last[0].graph.replay()
        return last[0].output

    return run_arm(session, answers, answer=answer)
