"""What torch does otherwise while it captures than the same call would do by itself.

Seen on a card with torch 2.11 and later (tests/device/sim/test_capture.py, test_as_on_an_h200.py).
"""

from dataclasses import dataclass

from imp_graphcheck.apis.call import ApiCall
from imp_graphcheck.record.audit import CallClass, Fate, HostMemory

TORCH_COPIES = "libtorch_cuda.so"
"""Torch's operators, its copies among them, and its allocator of pinned memory."""
TORCH_ALLOCATOR = "libc10_cuda.so"
"""Torch's caching allocator of device memory."""

PAGEABLE = "RuntimeError: Cannot copy between CPU and CUDA tensors during CUDA graph capture unless the CPU tensor is pinned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """`refusal` is the error that torch raises itself, in every mode; else `fate` is what becomes of the call."""

    fate: Fate
    reason: str
    refusal: str = ""


def torch_manner(call: ApiCall, kind: CallClass, host: HostMemory | None, caller: str) -> Manner | None:
    """What torch, if `caller` is one of its libraries, does about this call in the thread that captures; None where it
    does nothing about it.
    """
    if caller == TORCH_COPIES and kind in ("h2d", "d2h") and host == "pageable":
        reason = "every replay would touch the host address again"
        return Manner(fate="forbidden", reason=reason, refusal=PAGEABLE)
    if caller == TORCH_COPIES and call.name == "cudaHostAlloc":
        return Manner(
            fate="capture only",
            reason="torch relaxes the capture mode for it: it happens at the capture, and at no replay",
        )
    if caller != TORCH_ALLOCATOR:
        return None
    if kind == "alloc":
        return Manner(
            fate="harmless",
            reason="torch's allocator relaxes the capture mode for it, and the memory belongs to the pool of the graph",
        )
    if kind == "free":
        return Manner(fate="harmless", reason="torch's allocator gives nothing back while a stream captures")
    return None
