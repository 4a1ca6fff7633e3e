"""The captured arm as the program lives it: nothing captured yet, every key met for the first time in the workload.

All other arms find their graphs made. Here the warm-up and the capture happen between real calls, so what they leave
behind is found by the calls after them (GC405), and a first replay that is left out leaves its call without an answer
(GC408).
"""

from imp_graphcheck.capture.session import Answers, Session
from imp_graphcheck.probes.arm import Arm, run_arm
from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.probe import ProbeResult
from imp_graphcheck.record.run import CallComparison
from imp_graphcheck.rules import RULES
from imp_graphcheck.target import Call


def first_use(session: Session, answers: Answers) -> tuple[list[ProbeResult], list[Finding]]:
    """Every call through `run` of a runner that knows nothing yet, against eager. The filed graphs are replaced."""
    runner, forward = session.program.runner, session.program.forward
    runner.start_over(reason="first use once more")
    at_capture: dict[int, bool] = {}

    def answer(call: Call) -> object:
        if call.closed:
            return forward(call)
        captures, replays = runner.counters.captures, runner.counters.replays
        output = runner.run(call.key, lambda: forward(call))
        if runner.counters.captures > captures:
            at_capture[call.index] = runner.counters.replays > replays
        return output

    arm = run_arm(session, answers, answer=answer)
    result = arm.result(
        "first use", "no graph is there at first: warm-up, capture and replay as the calls come"
    )
    wrong_at_capture = [each for each in arm.wrong if each.call in at_capture]
    if not (arm.wrong or arm.changed_state):
        return [result], []
    skipped = [each for each in wrong_at_capture if not at_capture[each.call]]
    return [result], [_skipped(skipped[0]) if skipped else _changed(arm)]


def _skipped(call: CallComparison) -> Finding:
    return Finding(
        code="GC408",
        severity="error",
        confidence="confirmed",
        message=f"request {call.request}, {call.label}: the call that captured the graph did not replay it, so it has no answer",
        remedy=RULES["GC408"].remedy,
        graph=call.key,
    )


def _changed(arm: Arm) -> Finding:
    first = arm.wrong[0] if arm.wrong else None
    where = (
        f"{', '.join(arm.changed_state[:3])} differ"
        if first is None
        else f"wrong from request {first.request}, {first.label} on"
    )
    return Finding(
        code="GC405",
        severity="error",
        confidence="confirmed",
        message=f"from nothing, {len(arm.wrong)} of {len(arm.comparisons)} calls answer otherwise than eager ({where}): a warm-up "
        "or a capture between the calls leaves something behind",
        remedy=RULES["GC405"].remedy,
        graph=None if first is None else first.key,
    )
