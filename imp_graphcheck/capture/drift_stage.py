"""The same key, captured a second time for another call: what differs is frozen in the graph that is replayed."""

from collections.abc import Callable, Hashable

from imp_engine.graph import CapturedGraph, Output
from imp_graphcheck.capture.session import Session
from imp_graphcheck.checks.drift import check_drift
from imp_graphcheck.checks.failures import check_capture_failure
from imp_graphcheck.checks.lifetimes import uses_by_generation
from imp_graphcheck.checks.work import Operation, check_work
from imp_graphcheck.device.op_trace import Launch, OpTrace
from imp_graphcheck.device.stack import site_of
from imp_graphcheck.record.graph import GraphTrace
from imp_graphcheck.target import Call


def traced(session: Session, call: Call, launches: list[Launch]) -> Callable[[], Output]:
    """`forward(call)`, as it is captured: every operator noted in `launches` with the nodes it makes."""
    device = session.device

    def forward() -> Output:
        trace = OpTrace(device.kind, device.captured_nodes, device.module.is_current_stream_capturing)
        try:
            with trace:
                return session.program.forward(call)
        finally:
            launches.extend(trace.launches)

    return forward


def check_captured_work(session: Session, key: Hashable, launches: list[Launch]) -> None:
    """GC404 for one graph: the operators of an eager call against those of the capture."""
    eager = session.eager_ops.get(key)
    if eager is not None:
        session.find(*check_work(_operations(eager), _operations(launches), graph=str(key)))


def compare_captures(session: Session, base: GraphTrace, first: Call) -> None:
    """GC301 to GC306 for one key that serves several calls: capture another of them, compare, and drop that graph."""
    other = _most_different(session, first)
    if other is None:
        return
    program = session.program
    program.prepare(other)
    try:
        captured = program.runner.capture_unfiled(other.key, lambda: program.forward(other))
    except Exception as error:  # noqa: BLE001 - whatever the program raises is the finding
        session.find(check_capture_failure(session.failure(error, f"{other.key} ({other.label})")))
        return
    session.device.synchronize()
    try:
        trace = _read(session, captured)
        generations = uses_by_generation((base, trace)).keys()
        session.find(
            *check_drift(
                base,
                trace,
                session.device.allocations(generations),
                base_facts=first.facts,
                other_facts=other.facts,
            )
        )
    finally:
        captured.graph.reset()


def _read(session: Session, captured: CapturedGraph) -> GraphTrace:
    return session.device.read_graph(
        captured.graph, key=captured.key, capture_seconds=captured.capture_seconds
    )


def _most_different(session: Session, first: Call) -> Call | None:
    """The call of the same key that shares the fewest facts with the captured one, the last of those that tie."""
    others = [call for call in session.calls if call.key == first.key and call.index != first.index]
    if not others:
        return None
    return max(
        others,
        key=lambda call: (
            sum(call.facts.get(name) != value for name, value in first.facts.items()),
            call.index,
        ),
    )


def _operations(launches: list[Launch]) -> list[Operation]:
    return [
        Operation(op=launch.op, site=site_of(launch.stack), escaped=launch.escaped) for launch in launches
    ]
