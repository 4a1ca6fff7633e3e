"""Handles and workspaces of math libraries, made when they are first needed, as torch makes them.

Creating a handle inside a capture fails; a workspace that is first needed inside a capture comes from that graph's
private pool and is used by every later graph of the same stream, which is how one graph ends up pointing into another's.
"""

import threading
from typing import TYPE_CHECKING

import torch

from imp_graphcheck.device.sim.work import Operand

if TYPE_CHECKING:
    from imp_graphcheck.device.sim.gpu import Gpu

CUBLAS_WORKSPACE_BYTES = 32 << 20
"""torch's default workspace per handle and stream on Hopper."""

_CUBLAS = frozenset(
    {"mm", "addmm", "bmm", "baddbmm", "mv", "addmv", "dot", "vdot", "addbmm"}
    | {"_int_mm", "_scaled_mm", "_grouped_mm", "_scaled_grouped_mm"}
)
_CUDNN = frozenset({"convolution", "convolution_backward"})
_CUSOLVER_PREFIXES = ("aten::linalg_", "aten::_linalg_")

_CREATE = {"cublas": "cublasCreate", "cudnn": "cudnnCreate", "cusolver": "cusolverDnCreate"}
_REFUSED = {
    "cublas": "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`",
    "cudnn": "cuDNN error: CUDNN_STATUS_NOT_INITIALIZED",
    "cusolver": "cusolver error: CUSOLVER_STATUS_INTERNAL_ERROR, when calling `cusolverDnCreate(handle)`",
}


def library_of(name: str) -> str | None:
    """The library whose handle the operator called `name` ("aten::mm") needs."""
    short = name.removeprefix("aten::")
    if short in _CUBLAS:
        return "cublas"
    if short in _CUDNN:
        return "cudnn"
    if name.startswith(_CUSOLVER_PREFIXES) and not short.endswith("norm"):
        return "cusolver"
    return None


class Handles:
    """Which handles exist in which thread, and the workspace of each (thread, stream)."""

    def __init__(self) -> None:
        self._created: set[tuple[str, int]] = set()
        self._workspaces: dict[tuple[int, int], torch.Tensor] = {}

    def prepare(self, library: str, gpu: "Gpu", stream: int) -> Operand | None:
        """Make what a kernel of `library` needs, and return the workspace that it will use, if any."""
        with gpu.lock:
            self._require(library, gpu, stream)
            return self._workspace(gpu, stream) if library == "cublas" else None

    def clear_workspaces(self) -> None:
        """Free every workspace (torch._C._cuda_clearCublasWorkspaces)."""
        self._workspaces.clear()

    def _require(self, library: str, gpu: "Gpu", stream: int) -> None:
        handle = (library, threading.get_ident())
        if handle in self._created:
            return
        capturing = gpu.capture_of(stream) is not None
        with gpu.trace.calling(_CREATE[library], stream=stream, capturing=capturing):
            # Creating a handle maps memory, which a capture in progress may forbid.
            gpu.captures.refuse_unsafe(_CREATE[library], stream, library_error=_REFUSED[library])
            gpu.load_library(f"lib{library}.so")
        self._created.add(handle)

    def _workspace(self, gpu: "Gpu", stream: int) -> Operand:
        key = (threading.get_ident(), stream)
        tensor = self._workspaces.get(key)
        if tensor is None:
            tensor = gpu.allocate_tensor(CUBLAS_WORKSPACE_BYTES, stream=stream)
            self._workspaces[key] = tensor
        return Operand(
            "workspace",
            tensor.data_ptr(),
            torch.uint8,
            (CUBLAS_WORKSPACE_BYTES,),
            (1,),
            CUBLAS_WORKSPACE_BYTES,
            True,
        )
