"""GC207, asked once all graphs were read."""

from imp_graphcheck.capture.outputs import tensors_of
from imp_graphcheck.capture.session import Session
from imp_graphcheck.checks.alloc_nodes import check_alloc_nodes


def judge_owned_memory(session: Session) -> None:
    """Look for memory that launches allocate and nobody frees; what the program holds a tensor in has an owner."""
    outputs = (
        tensor.untyped_storage().data_ptr()
        for captured in session.program.runner.captured.values()
        for tensor in tensors_of(captured.output)
    )
    held = {*outputs, *(owner.address for owner in session.names)}
    session.find(*check_alloc_nodes(session.recorder.run.graphs, held=held))
