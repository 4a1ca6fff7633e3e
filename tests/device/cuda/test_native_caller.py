"""Who called the driver, read from a native stack."""

import ctypes

from imp_graphcheck.device.cuda.native_caller import NativeCaller, NativeFrame, NativeStack, caller_in

CALLBACK = [
    NativeFrame("_ctypes.cpython-311-x86_64-linux-gnu.so", ""),
    NativeFrame("libpython3.11.so", "_PyEval_EvalFrameDefault"),
    NativeFrame("cupti.cpython-311-x86_64-linux-gnu.so", ""),
    NativeFrame("libcupti.so", ""),
    NativeFrame("libcudart.so", "cudaMalloc"),
]


def test_a_handle_is_entered_from_outside_of_its_library() -> None:
    frames = [
        *CALLBACK,
        NativeFrame("libcublasLt.so", "cublasLtMatmul"),
        NativeFrame("libcublas.so", "cublasGetVersion_v2"),
        NativeFrame("libcublas.so", "cublasCreate_v2"),
        NativeFrame("libtorch_cuda.so", "_ZN2at4cuda26getCurrentCUDABlasHandleEv"),
    ]
    assert caller_in(frames) == NativeCaller("libcublasLt.so", "cublasCreate_v2")


def test_torch_is_itself() -> None:
    frames = [
        *CALLBACK,
        NativeFrame("libc10_cuda.so", "a"),
        NativeFrame("libc10_cuda.so", "b"),
        NativeFrame("libtorch_cuda.so", "c"),
    ]
    assert caller_in(frames) == NativeCaller("libc10_cuda.so", "b")


def test_a_stack_without_the_callback_says_nothing() -> None:
    assert caller_in([NativeFrame("libtorch_cuda.so", "x")]) == NativeCaller()
    assert caller_in(CALLBACK) == NativeCaller()


def test_the_stack_of_this_thread() -> None:
    """`qsort` of the C library calls back into Python: it is on the stack there, under its own name."""
    stack, seen = NativeStack(), []
    compare_type = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)

    def compare(_left: int, _right: int) -> int:
        seen.append(stack.frames())
        return 0

    numbers = (ctypes.c_int * 2)(2, 1)
    ctypes.CDLL(None).qsort(numbers, ctypes.c_size_t(2), ctypes.c_size_t(4), compare_type(compare))
    libraries = [frame.library for frame in seen[0]]
    assert "libc.so" in libraries
    assert any(library.startswith("_ctypes") for library in libraries)
    assert any("qsort" in frame.symbol for frame in seen[0])
