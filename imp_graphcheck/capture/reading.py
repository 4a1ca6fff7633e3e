"""Captured graphs, as the device tells them, and the place in the record where they lie."""

from collections.abc import Hashable, Sequence

from imp_engine.graph import CapturedGraph
from imp_graphcheck.capture.session import Session, headline
from imp_graphcheck.device import GraphUnreadableError
from imp_graphcheck.device.op_trace import Launch
from imp_graphcheck.record.graph import GraphTrace


def read(session: Session, captured: CapturedGraph, launches: Sequence[Launch] = ()) -> GraphTrace:
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


def trace_of(session: Session, key: Hashable) -> GraphTrace:
    """The graph of `key`, as the record has it."""
    return next(graph for graph in session.recorder.run.graphs if graph.key == str(key))


def replace_trace(session: Session, trace: GraphTrace) -> None:
    """Put more of what is known of a graph into the record."""
    graphs = tuple(trace if graph.key == trace.key else graph for graph in session.recorder.run.graphs)
    session.recorder.remember(graphs=graphs)
