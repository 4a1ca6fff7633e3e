"""The errors of the CUDA runtime that a software GPU can meet, with the runtime's names, numbers and words."""

from dataclasses import dataclass

import torch

from imp_graphcheck.device.stack import RawStack


@dataclass(frozen=True, slots=True)
class RuntimeCode:
    """One error of the runtime. A sticky one ends the context."""

    name: str
    number: int
    text: str
    sticky: bool = False


INVALID_VALUE = RuntimeCode("cudaErrorInvalidValue", 1, "invalid argument")
INVALID_RESOURCE_HANDLE = RuntimeCode("cudaErrorInvalidResourceHandle", 400, "invalid resource handle")
ILLEGAL_STATE = RuntimeCode(
    "cudaErrorIllegalState", 401, "the operation cannot be performed in the present state"
)
NOT_READY = RuntimeCode("cudaErrorNotReady", 600, "device not ready")
ILLEGAL_ADDRESS = RuntimeCode(
    "cudaErrorIllegalAddress", 700, "an illegal memory access was encountered", sticky=True
)
DEVICE_ASSERT = RuntimeCode("cudaErrorAssert", 710, "device-side assert triggered", sticky=True)
CAPTURE_UNSUPPORTED = RuntimeCode(
    "cudaErrorStreamCaptureUnsupported", 900, "operation not permitted when stream is capturing"
)
CAPTURE_INVALIDATED = RuntimeCode(
    "cudaErrorStreamCaptureInvalidated",
    901,
    "operation failed due to a previous error during capture",
)
CAPTURE_MERGE = RuntimeCode(
    "cudaErrorStreamCaptureMerge",
    902,
    "operation would result in a merge of separate capture sequences",
)
CAPTURE_UNMATCHED = RuntimeCode(
    "cudaErrorStreamCaptureUnmatched", 903, "capture was not initiated in this stream"
)
CAPTURE_UNJOINED = RuntimeCode("cudaErrorStreamCaptureUnjoined", 904, "capturing stream has unjoined work")
CAPTURE_ISOLATION = RuntimeCode(
    "cudaErrorStreamCaptureIsolation",
    905,
    "dependency created on uncaptured work in another stream",
)
CAPTURE_IMPLICIT = RuntimeCode(
    "cudaErrorStreamCaptureImplicit",
    906,
    "operation would make the legacy stream depend on a capturing blocking stream",
)
CAPTURED_EVENT = RuntimeCode(
    "cudaErrorCapturedEvent", 907, "operation not permitted on an event last recorded in a capturing stream"
)
CAPTURE_WRONG_THREAD = RuntimeCode(
    "cudaErrorStreamCaptureWrongThread",
    908,
    "attempt to terminate a thread-local capture sequence from another thread",
)
LIBRARY_NOT_INITIALISED = RuntimeCode("CUBLAS_STATUS_NOT_INITIALIZED", 1, "library not initialised")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Where the device stopped: the launch, its operand, and who owned the memory once."""

    code: RuntimeCode
    kernel: str
    argument: str | None
    address: int | None
    launch_stack: RawStack
    graph_id: int | None = None
    node: int | None = None
    allocation_stack: RawStack = ()
    free_stack: RawStack = ()
    reason: str = ""


class SimError(torch.AcceleratorError):
    """What torch raises for an error of the runtime, with the code, and the fault where there was one."""

    def __init__(self, code: RuntimeCode, detail: str = "", *, fault: Fault | None = None) -> None:
        super().__init__(f"CUDA error: {code.text}" + (f"\n{detail}" if detail else ""))
        self.code = code
        self.error_code = code.number
        self.fault = fault


class SimLibraryError(RuntimeError):
    """A math library refused a call; its text is torch's."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.code = LIBRARY_NOT_INITIALISED
