"""The captured arm as the program lives it: nothing captured yet, every key met for the first time in the workload.

All other arms find their graphs made, and everything grown that grows. Here the warm-up and the capture happen between
real calls, so what they leave behind is found by the calls after them (GC405), a first replay that is left out leaves
its call without an answer (GC408), and a graph is what it was captured as at whichever call came then (GC301 to GC306).
"""

import time
from collections.abc import Hashable
from dataclasses import dataclass, field

from imp_engine.graph import Output
from imp_graphcheck.capture.answer import compared, poison_output, stale
from imp_graphcheck.capture.census import remember_names
from imp_graphcheck.capture.comparison import frozen_at
from imp_graphcheck.capture.forward import marked
from imp_graphcheck.capture.outputs import HostOutput, to_host
from imp_graphcheck.capture.reading import read
from imp_graphcheck.capture.session import Answers, Session
from imp_graphcheck.capture.state import Snapshot, restore
from imp_graphcheck.checks.numbers import judged
from imp_graphcheck.probes.arm import Arm, run_arm
from imp_graphcheck.probes.fresh import fresh_captures
from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.probe import ProbeResult
from imp_graphcheck.record.run import CallComparison
from imp_graphcheck.rules import RULES
from imp_graphcheck.target import Call

_INTERVENTION = "no graph is there at first: warm-up, capture and replay as the calls come"


@dataclass(slots=True)
class Lived:
    """What such a pass answered. `captured_at`: the call at which the graph of each key was captured; `skipped`: those
    among them that were not replayed then. `through`: the calls that went through a graph.
    """

    outputs: dict[int, HostOutput] = field(default_factory=dict)
    poisoned: dict[int, list[int]] = field(default_factory=dict)
    through: set[int] = field(default_factory=set)
    captured_at: dict[Hashable, Call] = field(default_factory=dict)
    skipped: set[int] = field(default_factory=set)
    state: Snapshot = field(default_factory=dict)
    error: Exception | None = None
    failed_at: Call | None = None
    seconds: float = 0.0


def live(session: Session) -> Lived:
    """Every call through `run` of a runner that knows nothing yet. Filed graphs are replaced. Needs no answers of eager."""
    lived, started = Lived(), time.perf_counter()
    session.program.runner.start_over(reason="first use once more")
    session.restore()
    for call in session.calls:
        try:
            lived.outputs[call.index] = _one(session, call, lived)
        except Exception as error:  # noqa: BLE001 - whatever the program raises is the result
            lived.error, lived.failed_at = error, call
            session.dead = session.is_dead(error)
            break
    if lived.error is None:
        lived.state = session.snapshot(like=session.start)
    lived.seconds = time.perf_counter() - started
    return lived


def first_use(session: Session, answers: Answers) -> tuple[list[ProbeResult], list[Finding]]:
    """The same, held against eager. The record keeps the graphs that it has, of which more is known."""
    graphs = session.recorder.run.graphs
    lived = live(session)
    found = held_against(session, lived, answers)
    session.recorder.remember(graphs=graphs)
    return found


def held_against(session: Session, lived: Lived, answers: Answers) -> tuple[list[ProbeResult], list[Finding]]:
    """What became of that pass, and why, while its graphs are still filed.

    Where the same graphs are right in a second pass, in which nothing is captured, it was a warm-up or a capture between
    the calls that left something behind. Where they are not, the graph itself does not fit.
    """
    arm = _arm(session, lived, answers)
    results = [arm.result("first use", _INTERVENTION)]
    if arm.outcome != "wrong":
        return results, []
    skipped = [each for each in arm.wrong if each.call in lived.skipped]
    if skipped:
        return results, [_skipped(skipped[0])]
    again = run_arm(session, answers)
    results.append(again.result("first use", "the same graphs once more, and nothing is captured any more"))
    if again.outcome == "wrong":
        worst = {each.key: each for each in sorted(again.wrong, key=lambda each: each.max_abs_delta or 0.0)}
        why = [finding for each in worst.values() for finding in _frozen(session, lived, each)]
        if why and not session.dead:
            anew = fresh_captures(session, answers)
            results.append(
                anew.result("fresh", "each call is replayed from a graph that was captured for it alone")
            )
        known = {finding.graph for finding in session.findings if finding.severity == "error"}
        if why or any(each.key in known for each in again.wrong):
            return results, why
    return results, [] if session.dead else [_changed(arm)]


def died(lived: Lived) -> ProbeResult:
    """The pass as a record, where it was the end of the device."""
    return Arm(error=lived.error, failed_at=lived.failed_at, dead=True, seconds=lived.seconds).result(
        "first use", _INTERVENTION
    )


def _one(session: Session, call: Call, lived: Lived) -> HostOutput:
    program, runner = session.program, session.program.runner
    program.prepare(call)
    lived.poisoned[call.index] = poison_output(session, call)
    captures, replays = runner.counters.captures, runner.counters.replays
    if call.closed:
        output = to_host(program.forward(call))
    else:
        output = to_host(runner.run(call.key, lambda: _marked_in_capture(session, call)))
    session.device.synchronize()
    if runner.counters.replays > replays:
        lived.through.add(call.index)
    if runner.counters.captures > captures and call.key in runner.captured:
        lived.captured_at[call.key] = call
        remember_names(session)
        # Read at once: the device may not live to the end of the workload.
        others = [graph for graph in session.recorder.run.graphs if graph.key != str(call.key)]
        session.recorder.remember(graphs=(*others, read(session, runner.captured[call.key])))
        if runner.counters.replays == replays:
            lived.skipped.add(call.index)
    program.between(call)
    return output


def _marked_in_capture(session: Session, call: Call) -> Output:
    if session.device.module.is_current_stream_capturing():
        return marked(session, call)
    return session.program.forward(call)


def _arm(session: Session, lived: Lived, answers: Answers) -> Arm:
    arm = Arm(error=lived.error, failed_at=lived.failed_at, dead=session.dead, seconds=lived.seconds)
    arm.comparisons = judged([_compared(session, lived, answers, index) for index in lived.outputs])
    if lived.error is None and answers.state:
        restore(session.program.state(), lived.state)
        arm.states = session.compare_state(answers.state, sweep=0)
    return arm


def _compared(session: Session, lived: Lived, answers: Answers, index: int) -> CallComparison:
    base, output, poisoned = answers.outputs[index], lived.outputs[index], lived.poisoned[index]
    written = not stale(poisoned, output, base) if poisoned else None
    return compared(session, session.calls[index], 0, base, output, index in lived.through, written)


def _frozen(session: Session, lived: Lived, wrong: CallComparison) -> tuple[Finding, ...]:
    """What the graph of a call that it answers wrongly has frozen."""
    other = session.calls[wrong.call]
    at, captured = lived.captured_at.get(other.key), session.program.runner.captured.get(other.key)
    if at is None or captured is None or at.index == other.index or session.dead:
        return ()
    return frozen_at(session, read(session, captured), at, other)


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
