"""What is wrong with the captured graphs, before any of them is replayed.

For each key: a second capture of the same call, observed, tells who launched what, what escaped, and which words are
pointers; a third, of another call of the key, shows what is frozen. Both are thrown away. Then every pointer is judged
by what has become of its allocation. Nothing is launched. What is made here stays to the end, so the garbage collector
would only look at all of it again and again.
"""

from collections.abc import Callable, Hashable, Sequence

from imp_engine.graph import CapturedGraph, Output
from imp_graphcheck.capture.census import take_census
from imp_graphcheck.capture.forward import marked, observed
from imp_graphcheck.capture.session import Session, headline
from imp_graphcheck.capture.words import counted
from imp_graphcheck.checks.annotate import annotated
from imp_graphcheck.checks.confirm import confirm
from imp_graphcheck.checks.disturbance import check_untouched
from imp_graphcheck.checks.drift import check_drift
from imp_graphcheck.checks.failures import check_capture_failure
from imp_graphcheck.checks.work import Operation, check_work
from imp_graphcheck.device import GraphUnreadableError
from imp_graphcheck.device.collector import paused_collector
from imp_graphcheck.device.op_trace import Launch
from imp_graphcheck.device.stack import site_of
from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.graph import GraphTrace, generations_in
from imp_graphcheck.target import Call


def inspect(session: Session) -> None:
    """Read, compare, judge; findings go into the record before the first replay."""
    captured = session.program.runner.captured
    calls = [call for call in session.first_calls if call.key in captured]
    with session.recorder.stage("inspect", len(calls)) as notes, paused_collector():
        session.recorder.remember(graphs=tuple(_read(session, graph) for graph in captured.values()))
        take_census(session)
        for call in calls:
            seen = _observe(session, call)
            if seen is not None:
                _compare_with_another_call(session, call, seen)
            notes.step()
        take_census(session)
        graphs = session.recorder.run.graphs
        pointers = sum(
            len(param.pointers) for graph in graphs for node in graph.nodes for param in node.params
        )
        found = len([finding for finding in session.findings if finding.severity == "error"])
        # Whether a frozen value matters is for the replays to say.
        certain = [finding for finding in session.findings if not finding.code.startswith("GC3")]
        nodes = sum(len(graph.nodes) for graph in graphs)
        pools = sum(graph.pool_bytes or 0 for graph in graphs)
        notes.detail = (
            f"{counted(nodes, 'node')} in {pools / 2**20:.1f} MiB of graph pools, {counted(pointers, 'pointer')} into "
            f"{counted(len(session.recorder.run.memory), 'allocation')}, {counted(found, 'finding')}"
        )
        if any(finding.severity == "error" for finding in certain):
            notes.status = "failed"
        if not calls:
            notes.status, notes.detail = "skipped", "there is no graph"


def _observe(session: Session, call: Call) -> GraphTrace | None:
    """GC404, and everything a second capture of the same call knows of the first. Returns what was observed."""
    launches: list[Launch] = []
    session.restore()  # what the first capture may have written must be written again to be seen
    session.program.prepare(call)
    before = session.snapshot(like=session.start)
    seen = _captured_aside(session, call, lambda: observed(session, call, launches), launches)
    if seen is None:
        return None
    session.find(*check_untouched(session.compare_state(before, sweep=0), graph=str(call.key)))
    eager = session.eager_ops.get(call.key)
    if eager is not None:
        session.find(*check_work(_operations(eager), _operations(launches), graph=str(call.key)))
    base = _trace_of(session, call.key)
    memory = session.device.allocations(generations_in((base, seen)))
    _replace_trace(session, confirm(annotated(base, seen), seen, memory))
    return seen


def _compare_with_another_call(session: Session, call: Call, seen: GraphTrace) -> None:
    """GC301 to GC306 for a key that serves several calls: the graph against that of the call that differs most.

    Before anything is said, both calls are captured once more: what differs between captures of one call is not the
    call's doing, and what is must come out the same again.
    """
    other = _most_different(session, call)
    theirs = None if other is None else _again(session, other)
    if other is None or theirs is None:
        return
    findings = _drift(session, (call, other), theirs, [seen], [])
    if findings:
        again, repeat = _again(session, call), _again(session, other)
        if again is not None and repeat is not None:
            findings = _drift(session, (call, other), theirs, [seen, again], [repeat])
    session.find(*findings)


def _drift(
    session: Session,
    calls: tuple[Call, Call],
    theirs: GraphTrace,
    controls: list[GraphTrace],
    repeats: list[GraphTrace],
) -> tuple[Finding, ...]:
    base = _trace_of(session, calls[0].key)
    return check_drift(
        base,
        theirs,
        session.device.allocations(generations_in((base, theirs, *controls, *repeats))),
        base_facts=calls[0].facts,
        other_facts=calls[1].facts,
        controls=controls,
        repeats=repeats,
    )


def _again(session: Session, call: Call) -> GraphTrace | None:
    """One more capture of `call`, as the program would make it."""
    return _captured_aside(session, call, lambda: marked(session, call))


def _captured_aside(
    session: Session, call: Call, forward: Callable[[], Output], launches: Sequence[Launch] = ()
) -> GraphTrace | None:
    """A capture of `call` that is read and dropped; None where it fails, which is a finding, or cannot be read."""
    program = session.program
    try:
        program.prepare(call)
        captured = program.runner.capture_unfiled(call.key, forward)
        session.device.synchronize()
    except Exception as error:  # noqa: BLE001 - whatever the program raises is the finding
        session.find(check_capture_failure(session.failure(error, f"{call.key} ({call.label})")))
        return None
    try:
        trace = _read(session, captured, launches)
    finally:
        captured.graph.reset()
    return trace if trace.nodes else None


def _read(session: Session, captured: CapturedGraph, launches: Sequence[Launch] = ()) -> GraphTrace:
    """The nodes of a graph. One that cannot be read is noted, and everything else about it still holds."""
    try:
        return session.device.read_graph(
            captured.graph,
            key=captured.key,
            capture_seconds=captured.capture_seconds,
            launches=launches,
        )
    except GraphUnreadableError as error:
        session.recorder.note(f"the graph of {captured.key} could not be read: {headline(error)}")
        return GraphTrace(
            key=str(captured.key), nodes=(), capture_seconds=captured.capture_seconds, pool_bytes=None
        )


def _trace_of(session: Session, key: Hashable) -> GraphTrace:
    return next(graph for graph in session.recorder.run.graphs if graph.key == str(key))


def _replace_trace(session: Session, trace: GraphTrace) -> None:
    graphs = tuple(trace if graph.key == trace.key else graph for graph in session.recorder.run.graphs)
    session.recorder.remember(graphs=graphs)


def _most_different(session: Session, first: Call) -> Call | None:
    """The call of the same key that shares the fewest facts with the captured one, the last of those that tie."""
    others = [call for call in session.calls if call.key == first.key and call.index != first.index]

    def distance(call: Call) -> tuple[int, int]:
        differing = sum(call.facts.get(name) != value for name, value in first.facts.items())
        return differing, call.index

    return max(others, key=distance, default=None)


def _operations(launches: list[Launch]) -> list[Operation]:
    return [
        Operation(op=launch.op, site=site_of(launch.stack), escaped=launch.escaped) for launch in launches
    ]
