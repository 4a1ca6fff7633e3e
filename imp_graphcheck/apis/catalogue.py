"""The calls that matter to a capture, by name.

Sources: the CUDA runtime and driver API references (stream capture: prohibited and unhandled operations), and for what
the modes refuse, programs run on a card (benchmarks/capture_modes.py, docs/validation/capture-modes.md).
"""

import re

from imp_graphcheck.apis.call import ApiCall, InCapture
from imp_graphcheck.record.audit import CallClass

_DRIVER_SUFFIX = re.compile(r"(_v\d+)?(_ptsz|_ptds)?(_v\d+)?$")


def _copies() -> list[ApiCall]:
    def copy(
        name: str,
        way: int | CallClass,
        stream: int | None,
        *,
        target: int = 0,
        source: int = 1,
        size: int = 2,
    ) -> ApiCall:
        return ApiCall(
            name=name,
            kind=None if isinstance(way, int) else way,
            in_capture="recorded" if stream is not None else "legacy",
            direction_argument=way if isinstance(way, int) else None,
            stream_argument=stream,
            target_argument=target,
            source_argument=source,
            bytes_argument=size,
        )

    return [
        copy("cudaMemcpy", 3, None),
        copy("cudaMemcpyAsync", 3, 4),
        copy("cudaMemcpy2D", 6, None, source=2, size=4),
        copy("cudaMemcpy2DAsync", 6, 7, source=2, size=4),
        copy("cudaMemcpyToSymbol", 4, None),
        copy("cudaMemcpyToSymbolAsync", 4, 5),
        copy("cudaMemcpyFromSymbol", 4, None),
        copy("cudaMemcpyFromSymbolAsync", 4, 5),
        copy("cudaMemcpyToArray", 5, None, source=3, size=4),
        copy("cudaMemcpyToArrayAsync", 5, 6, source=3, size=4),
        copy("cudaMemcpy2DToArray", 7, None, source=3, size=5),
        copy("cudaMemcpy2DToArrayAsync", 7, 8, source=3, size=5),
        copy("cudaMemcpyPeer", "d2d", None, source=2, size=4),
        copy("cudaMemcpyPeerAsync", "d2d", 5, source=2, size=4),
        copy("cuMemcpyHtoD", "h2d", None),
        copy("cuMemcpyHtoDAsync", "h2d", 3),
        copy("cuMemcpyDtoH", "d2h", None),
        copy("cuMemcpyDtoHAsync", "d2h", 3),
        copy("cuMemcpyDtoD", "d2d", None),
        copy("cuMemcpyDtoDAsync", "d2d", 3),
        copy("cuMemcpyPeer", "d2d", None, source=2, size=4),
        copy("cuMemcpyPeerAsync", "d2d", 5, source=2, size=4),
        ApiCall(name="cudaMemcpy3D", kind=None, in_capture="legacy"),
        ApiCall(name="cudaMemcpy3DAsync", kind=None, in_capture="recorded", stream_argument=1),
        ApiCall(name="cudaMemcpy3DPeerAsync", kind="d2d", in_capture="recorded", stream_argument=1),
        ApiCall(name="cuMemcpy", kind=None, in_capture="legacy", target_argument=0, source_argument=1),
        ApiCall(
            name="cuMemcpyAsync",
            kind=None,
            in_capture="recorded",
            stream_argument=3,
            target_argument=0,
            source_argument=1,
        ),
        ApiCall(name="cuMemcpy2D", kind=None, in_capture="legacy"),
        ApiCall(name="cuMemcpy2DAsync", kind=None, in_capture="recorded", stream_argument=1),
        ApiCall(name="cuMemcpy3D", kind=None, in_capture="legacy"),
        ApiCall(name="cuMemcpy3DAsync", kind=None, in_capture="recorded", stream_argument=1),
        # Where its stream stands differs from version to version.
        ApiCall(name="cudaMemPrefetchAsync", kind="h2d", in_capture="never"),
        ApiCall(name="cuMemPrefetchAsync", kind="h2d", in_capture="never"),
    ]


_FAMILIES: tuple[tuple[CallClass, InCapture, str], ...] = (
    ("sync", "waits", "cudaDeviceSynchronize cudaThreadSynchronize cudaCtxSynchronize cuCtxSynchronize"),
    ("sync", "waits", "cudaStreamSynchronize cuStreamSynchronize cudaEventSynchronize cuEventSynchronize"),
    ("sync", "unsafe", "ncclCommFinalize cublasGetVector cublasGetMatrix cublasSetVector cublasSetMatrix"),
    ("query", "waits", "cudaStreamQuery cuStreamQuery cudaEventQuery cuEventQuery"),
    ("query", "asks", "cudaEventElapsedTime cuEventElapsedTime"),
    ("memset", "legacy", "cudaMemset cudaMemset2D cudaMemset3D cuMemsetD8 cuMemsetD16 cuMemsetD32"),
    ("memset", "legacy", "cuMemsetD2D8 cuMemsetD2D16 cuMemsetD2D32"),
    ("memset", "recorded", "cudaMemsetAsync cudaMemset2DAsync cudaMemset3DAsync"),
    ("memset", "recorded", "cuMemsetD8Async cuMemsetD16Async cuMemsetD32Async"),
    ("memset", "recorded", "cuMemsetD2D8Async cuMemsetD2D16Async cuMemsetD2D32Async"),
    (
        "alloc",
        "unsafe",
        "cudaMalloc cudaMallocManaged cudaMallocHost cudaHostAlloc cudaMallocPitch cudaMalloc3D",
    ),
    ("alloc", "unsafe", "cudaMallocArray cudaMalloc3DArray cudaMallocMipmappedArray cudaHostRegister"),
    (
        "alloc",
        "unsafe",
        "cuMemAlloc cuMemAllocManaged cuMemAllocHost cuMemHostAlloc cuMemAllocPitch cuArrayCreate",
    ),
    ("alloc", "unsafe", "cuMemHostRegister cuMemCreate cuMemMap cuMemSetAccess"),
    ("alloc", "at once", "cuMemAddressReserve"),
    ("alloc", "recorded", "cudaMallocAsync cudaMallocFromPoolAsync cuMemAllocAsync cuMemAllocFromPoolAsync"),
    ("free", "unsafe", "cudaFree cudaFreeHost cudaFreeArray cudaFreeMipmappedArray cudaHostUnregister"),
    ("free", "unsafe", "cuMemFree cuMemFreeHost cuArrayDestroy cuMemHostUnregister cuMemUnmap cuMemRelease"),
    (
        "free",
        "unsafe",
        "cuMemAddressFree cudaMemPoolTrimTo cuMemPoolTrimTo cudaMemPoolDestroy cuMemPoolDestroy",
    ),
    ("free", "unsafe", "cudaDeviceReset cuDevicePrimaryCtxReset cudaDeviceGraphMemTrim cuDeviceGraphMemTrim"),
    ("free", "recorded", "cudaFreeAsync cuMemFreeAsync"),
    ("xstream", "recorded", "cudaStreamWaitEvent cuStreamWaitEvent cudaEventRecord cuEventRecord"),
    ("xstream", "recorded", "cudaEventRecordWithFlags cuEventRecordWithFlags"),
    ("callback", "recorded", "cudaLaunchHostFunc cuLaunchHostFunc"),
    ("callback", "never", "cudaStreamAddCallback cuStreamAddCallback"),
    (
        "handle",
        "unsafe",
        "cublasCreate cublasDestroy cublasXtCreate cublasXtDestroy",
    ),
    ("handle", "at once", "cublasLtCreate cublasLtDestroy"),
    ("handle", "unsafe", "cudnnCreate cudnnDestroy cusolverDnCreate cusolverDnDestroy cusparseCreate"),
    ("handle", "unsafe", "cusparseDestroy cusolverSpCreate cusolverSpDestroy curandCreateGenerator"),
    (
        "handle",
        "unsafe",
        "curandDestroyGenerator cufftPlan1d cufftPlan2d cufftPlan3d cufftPlanMany cufftMakePlanMany",
    ),
    ("handle", "unsafe", "cufftCreate cufftDestroy cutensorCreate cutensorDestroy"),
    (
        "handle",
        "unsafe",
        "ncclCommInitRank ncclCommInitAll ncclCommInitRankConfig ncclCommDestroy ncclCommAbort",
    ),
    (
        "handle",
        # Modules are loaded lazily since CUDA 12.2: the load itself touches no device memory.
        "at once",
        "cuModuleLoad cuModuleLoadData cuModuleLoadDataEx cuModuleLoadFatBinary cuLibraryLoadData",
    ),
    ("handle", "at once", "cuLibraryLoadFromFile cuLinkCreate cuLinkComplete"),
    ("handle", "unsafe", "cuModuleUnload cuLibraryUnload"),
    ("handle", "at once", "nvrtcCompileProgram cudaStreamCreate cudaStreamCreateWithFlags cuStreamCreate"),
    (
        "handle",
        "at once",
        "cudaStreamCreateWithPriority cuStreamCreateWithPriority cudaStreamDestroy cuStreamDestroy",
    ),
    (
        "handle",
        "at once",
        "cudaEventCreate cudaEventCreateWithFlags cuEventCreate cudaEventDestroy cuEventDestroy",
    ),
)

_STREAM_ARGUMENT = {
    "cudaMemsetAsync": 3,
    "cudaMemset2DAsync": 5,
    "cudaMallocAsync": 2,
    "cudaMallocFromPoolAsync": 3,
    "cudaFreeAsync": 1,
    "cuMemAllocAsync": 2,
    "cuMemFreeAsync": 1,
    "cudaStreamWaitEvent": 0,
    "cuStreamWaitEvent": 0,
    "cudaEventRecord": 1,
    "cuEventRecord": 1,
    "cudaLaunchHostFunc": 0,
    "cuLaunchHostFunc": 0,
    "cudaEventRecordWithFlags": 1,
    "cuEventRecordWithFlags": 1,
    "cudaStreamSynchronize": 0,
    "cuStreamSynchronize": 0,
    "cudaStreamQuery": 0,
    "cuStreamQuery": 0,
    "cudaStreamAddCallback": 0,
    "cuStreamAddCallback": 0,
    "cuMemAllocFromPoolAsync": 3,
    "cuMemsetD8Async": 3,
    "cuMemsetD16Async": 3,
    "cuMemsetD32Async": 3,
    "cuMemsetD2D8Async": 5,
    "cuMemsetD2D16Async": 5,
    "cuMemsetD2D32Async": 5,
}

_EVENT_ARGUMENT = {
    "cudaEventRecord": 0,
    "cuEventRecord": 0,
    "cudaEventRecordWithFlags": 0,
    "cuEventRecordWithFlags": 0,
    "cudaStreamWaitEvent": 1,
    "cuStreamWaitEvent": 1,
    "cudaEventQuery": 0,
    "cuEventQuery": 0,
    "cudaEventSynchronize": 0,
    "cuEventSynchronize": 0,
    "cudaEventElapsedTime": 2,
    "cuEventElapsedTime": 2,
}

_BYTES_ARGUMENT = {
    "cudaMalloc": 1,
    "cudaMallocAsync": 1,
    "cudaMallocHost": 1,
    "cudaHostAlloc": 1,
    "cudaHostRegister": 1,
    "cudaMallocManaged": 1,
    "cudaMallocFromPoolAsync": 1,
    "cuMemAlloc": 1,
    "cuMemAllocAsync": 1,
    "cuMemAllocFromPoolAsync": 1,
    "cuMemAllocHost": 1,
    "cuMemHostAlloc": 1,
    "cuMemAllocManaged": 1,
    "cuMemHostRegister": 1,
    "cudaMemset": 2,
    "cudaMemsetAsync": 2,
    "cuMemsetD8": 2,
    "cuMemsetD8Async": 2,
}


def _others() -> list[ApiCall]:
    return [
        ApiCall(
            name=name,
            kind=kind,
            in_capture=in_capture,
            stream_argument=_STREAM_ARGUMENT.get(name),
            bytes_argument=_BYTES_ARGUMENT.get(name),
            event_argument=_EVENT_ARGUMENT.get(name),
            is_lazy=kind == "handle",
        )
        for kind, in_capture, names in _FAMILIES
        for name in names.split()
    ]


CALLS: dict[str, ApiCall] = {call.name: call for call in (*_copies(), *_others())}


def find_call(name: str) -> ApiCall | None:
    """The call of this name, whatever its version (`cuMemAlloc_v2`, `cublasCreate_v2`, `cudaMemcpyAsync_ptsz`)."""
    found = CALLS.get(name)
    if found is not None:
        return found
    return CALLS.get(_DRIVER_SUFFIX.sub("", name)) if name.startswith("cu") else None
