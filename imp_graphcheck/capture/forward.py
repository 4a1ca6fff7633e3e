"""The captured region of a program, run inside a capture, with as much watching as the capture is for."""

from imp_engine.graph import Output
from imp_graphcheck.capture.session import Session
from imp_graphcheck.device.host_stack import overwrite_host_stack
from imp_graphcheck.device.op_trace import Launch, OpTrace
from imp_graphcheck.target import Call

_LEFT_BEHIND = 0x5A
"""The byte on the host's stack before each capture whose parameters may be compared with another's."""


def marked(session: Session, call: Call) -> Output:
    """`forward`, between two counts of the nodes: they tell later which allocations the nodes could have known."""
    overwrite_host_stack(_LEFT_BEHIND)
    session.device.captured_nodes()
    output = session.program.forward(call)
    session.device.captured_nodes()
    return output


def observed(session: Session, call: Call, launches: list[Launch]) -> Output:
    """`forward`, operator by operator; `launches` is filled, up to the error if there is one."""
    device = session.device
    trace = OpTrace(
        device.kind, device.captured_nodes, device.module.is_current_stream_capturing, device.observe
    )
    try:
        with trace:
            return session.program.forward(call)
    finally:
        launches.extend(trace.launches)
