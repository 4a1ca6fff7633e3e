"""The captured region of a program, run inside a capture, with as much watching as the capture is for."""

from imp_engine.graph import Output
from imp_graphcheck.capture.session import Session
from imp_graphcheck.device.op_trace import Launch, OpTrace
from imp_graphcheck.target import Call


def marked(session: Session, call: Call) -> Output:
    """`forward`, between two counts of the nodes: they tell later which allocations the nodes could have known."""
    session.device.capture_position()
    output = session.program.forward(call)
    session.device.capture_position()
    return output


def observed(session: Session, call: Call, launches: list[Launch]) -> Output:
    """`forward`, operator by operator, each on a stack without leftovers; `launches` is filled, up to the error if
    there is one.
    """
    device = session.device
    trace = OpTrace(
        device.kind,
        device.capture_position,
        device.module.is_current_stream_capturing,
        device.observe,
        clean_stack=True,
    )
    try:
        with trace:
            return session.program.forward(call)
    finally:
        launches.extend(trace.launches)
