"""Which operator a capture failed at, told by the operators and not by the exception that came out in the end.

A program may catch the first error and fail later, or not at all: the capture is invalid from the first one on.
"""

from dataclasses import replace

from imp_engine.graph import Output
from imp_graphcheck.capture.session import Session
from imp_graphcheck.checks.failures import Failure
from imp_graphcheck.device.op_trace import OpTrace, Refusal
from imp_graphcheck.device.stack import site_of
from imp_graphcheck.target import Call


def traced(session: Session, call: Call, failure: Failure) -> Failure:
    """`failure` of a capture of `call`, at the first operator that raises when it is tried once more."""
    refusal = _first_refusal(session, call)
    if refusal is None:
        return failure
    first = session.failure(refusal.error, failure.graph)
    return replace(first, launch_site=site_of(refusal.stack), reads_back=refusal.reads_back)


def _first_refusal(session: Session, call: Call) -> Refusal | None:
    device, program = session.device, session.program
    trace = OpTrace(device.kind, device.capture_position, device.module.is_current_stream_capturing)

    def forward() -> Output:
        with trace:
            return program.forward(call)

    try:
        program.prepare(call)
        program.runner.capture_unfiled(call.key, forward).graph.reset()
    except Exception:  # noqa: BLE001 - that it fails is known; the question is where
        return trace.refused
    return trace.refused
