"""One function of the CUDA runtime, the driver or a library, as far as captures are concerned."""

from dataclasses import dataclass
from typing import Literal

from imp_graphcheck.record.audit import CallClass

InCapture = Literal["waits", "asks", "unsafe", "legacy", "recorded", "never", "at once"]
"""What a call does while a stream is being captured.

    waits      it waits for work, or asks whether work is done: refused in every mode where that work is captured, and
               unless the mode is relaxed where it is not
    asks       refused in every mode where what it asks about is captured, and let pass where it is not
    unsafe     refused unless the mode is relaxed, where it happens at once (cudaMalloc, cublasCreate)
    legacy     it goes through the legacy stream: refused in every mode where the captured stream is a blocking one, which
               orders itself with the legacy stream; on a cudaStreamNonBlocking one it happens at once (cudaMemcpy)
    recorded   it becomes a node
    never      no mode records it on a captured stream
    at once    allowed everywhere; it happens at the capture and at no replay (cudaEventCreate)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiCall:
    """`kind` is None for a copy whose arguments say which way it goes: `direction_argument` is the position of the
    `cudaMemcpyKind`. `stream_argument` is the position of the stream, None where the call takes none.
    """

    name: str
    kind: CallClass | None
    in_capture: InCapture
    direction_argument: int | None = None
    stream_argument: int | None = None
    target_argument: int | None = None
    source_argument: int | None = None
    bytes_argument: int | None = None
    event_argument: int | None = None
    is_lazy: bool = False
    """Whether a program makes it once, for all that follows: what a process that is warm hides."""
