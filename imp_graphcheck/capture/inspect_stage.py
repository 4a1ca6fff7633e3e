"""What is wrong with the captured graphs, before any of them is replayed.

For each key: a second capture of the same call, observed, tells who launched what, what escaped, and which words are
pointers; a third, of another call of the key, shows what is frozen. Both are thrown away. Then every pointer is judged
by what has become of its allocation. Nothing is launched. What is made here stays to the end, so the garbage collector
would only look at all of it again and again.
"""

from imp_graphcheck.capture.aside import Aside, aside
from imp_graphcheck.capture.census import take_census
from imp_graphcheck.capture.comparison import compare_with_another_call
from imp_graphcheck.capture.handed_on import hand_back, handed_on
from imp_graphcheck.capture.owned_memory import judge_owned_memory
from imp_graphcheck.capture.reading import read, replace_trace, trace_of
from imp_graphcheck.capture.session import Session
from imp_graphcheck.capture.tables import find_tables
from imp_graphcheck.capture.words import counted
from imp_graphcheck.checks.annotate import annotated
from imp_graphcheck.checks.confirm import confirm
from imp_graphcheck.checks.disturbance import check_untouched
from imp_graphcheck.checks.repointed import check_repointed
from imp_graphcheck.checks.work import Operation, check_work
from imp_graphcheck.device.collector import paused_collector
from imp_graphcheck.device.op_trace import Launch
from imp_graphcheck.device.stack import site_of
from imp_graphcheck.record.graph import generations_in
from imp_graphcheck.target import Call


def inspect(session: Session) -> None:
    """Read, compare, judge; findings go into the record before the first replay."""
    captured = session.program.runner.captured
    calls = [call for call in session.first_calls if call.key in captured]
    with session.recorder.stage("inspect", len(calls)) as notes, paused_collector():
        session.recorder.remember(graphs=tuple(read(session, graph) for graph in captured.values()))
        take_census(session)
        held = handed_on(session)
        for call in calls:
            session.restore()  # what the first capture may have written must be written again to be seen
            with aside(session, call, observe=True) as seen:
                if seen is not None:
                    _learn(session, call, seen)
                    find_tables(session, call)
            if seen is not None and seen.trace.nodes:
                compare_with_another_call(session, call, seen.trace)
            notes.step()
        hand_back(session, held)
        judge_owned_memory(session)
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


def _learn(session: Session, call: Call, seen: Aside) -> None:
    """GC203, GC404, GC405, and what else a second, observed capture of the same call knows of the first."""
    session.find(*check_untouched(session.compare_state(seen.before, sweep=0), graph=str(call.key)))
    eager = session.eager_ops.get(call.key)
    if eager is not None:
        session.find(*check_work(_operations(eager), _operations(seen.launches), graph=str(call.key)))
    if not seen.trace.nodes:
        return
    base = trace_of(session, call.key)
    memory = session.device.allocations(generations_in((base, seen.trace)))
    base = confirm(annotated(base, seen.trace), seen.trace, memory)
    session.find(*check_repointed(base, seen.trace, memory))
    replace_trace(session, base)


def _operations(launches: list[Launch]) -> list[Operation]:
    return [
        Operation(op=launch.op, site=site_of(launch.stack), escaped=launch.escaped)
        for launch in launches
        if launch.works
    ]
