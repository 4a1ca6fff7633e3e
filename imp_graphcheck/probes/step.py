"""Step: the graph of a call, node by node, the host waiting after each. The node that faults is named in one process.

Each node is as it was captured, and the order is that of the capture. What the device does beside it is not the same:
nothing runs at the same time as anything else, so a fault that needs two nodes at once does not show.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace

from imp_graphcheck.capture.answer import compared, poison_output, stale
from imp_graphcheck.capture.outputs import to_host
from imp_graphcheck.capture.reading import read
from imp_graphcheck.capture.session import Answers, Session, headline
from imp_graphcheck.capture.words import counted
from imp_graphcheck.checks.dead_pointer import dead_pointer
from imp_graphcheck.checks.failures import Failure
from imp_graphcheck.checks.numbers import judged
from imp_graphcheck.device import StepError, StepRefusedError
from imp_graphcheck.probes.arm import Arm
from imp_graphcheck.probes.position import PositionFile, position_file
from imp_graphcheck.record.graph import GraphTrace, generations_in
from imp_graphcheck.record.memory import Allocation
from imp_graphcheck.record.probe import ProbeOutcome, ProbeResult
from imp_graphcheck.target import Call


@dataclass(frozen=True, slots=True)
class Stepped:
    """What became of it. `failure` names the node that the device did not complete, and its argument where known."""

    result: ProbeResult
    failure: Failure | None = None


def step(session: Session, answers: Answers, call: Call) -> Stepped:
    """Step the graph of `call`, whose inputs are prepared, and hold the output against the eager answer.

    After an error that ended the device's context, `session.dead` is set.
    """
    captured = session.program.runner.captured.get(call.key)
    if captured is None:
        return Stepped(_result(call, "not tried", 0.0, detail=f"there is no graph of {call.key}"))
    trace = _trace_of(session, call)
    memory = session.device.allocations(generations_in([trace]))  # a dead device may not tell
    started = time.perf_counter()
    poisoned = poison_output(session, call)
    try:
        with watched(session, str(call.key)) as before:
            session.device.step(captured.graph, before=before)
    except StepRefusedError as error:
        return Stepped(_result(call, "refused", started, detail=headline(error)))
    except StepError as error:
        session.dead = session.is_dead(error)
        failure = blamed(session.failure(error, call.key), trace, memory)
        return Stepped(_result(call, "died", started, detail=str(error)), failure)
    output, base = to_host(captured.output), answers.outputs[call.index]
    written = not stale(poisoned, output, base) if poisoned else None
    arm = Arm(comparisons=judged([compared(session, call, 0, base, output, True, written)]))
    detail = f"all {counted(len(trace.nodes), 'node')} were completed"
    return Stepped(_result(call, arm.outcome, started, detail=detail, arm=arm))


@contextmanager
def watched(session: Session, graph: str) -> Iterator[Callable[[int], None]]:
    """What to tell each node before its launch, so that the last one outlives this process."""
    directory = session.recorder.directory
    with nullcontext() if directory is None else position_file(directory, graph) as position:
        yield position.launching if isinstance(position, PositionFile) else lambda _: None


def blamed(failure: Failure, trace: GraphTrace, memory: dict[int, Allocation]) -> Failure:
    """`failure` with what the record knows of its node: the line that launched it, the argument into dead memory."""
    node = next((node for node in trace.nodes if node.index == failure.node), None)
    if node is None:
        return failure
    # The error itself was raised where the tool waited, which is no line of the program.
    failure = replace(failure, launch_site=trace.launch_site(node) or failure.launch_site)
    dead = dead_pointer(trace, node, memory)
    if failure.argument is not None or dead is None:
        return failure
    return replace(
        failure,
        argument=dead.param.name,
        address=dead.pointer.address,
        allocation_site=dead.allocation.allocation_site,
        free_site=dead.allocation.free_site,
    )


def _trace_of(session: Session, call: Call) -> GraphTrace:
    """As the record has it, which may know operators and lines; else as the device tells it."""
    known = (trace for trace in session.recorder.run.graphs if trace.key == str(call.key) and trace.nodes)
    return next(known, None) or read(session, session.program.runner.captured[call.key])


def _result(
    call: Call,
    outcome: ProbeOutcome,
    started: float,
    *,
    detail: str,
    arm: Arm | None = None,
) -> ProbeResult:
    tried = outcome not in ("not tried", "refused")
    return ProbeResult(
        probe="step",
        intervention=f"the graph of {call.key} is launched node by node for request {call.request}, {call.label}",
        outcome=outcome,
        calls=int(tried),
        wrong_calls=int(outcome == "wrong"),
        max_abs_delta=arm.comparisons[0].max_abs_delta if outcome == "wrong" and arm is not None else None,
        detail=detail,
        seconds=time.perf_counter() - started if tried else 0.0,
    )
