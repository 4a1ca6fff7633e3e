"""The driver without `cuda-bindings`: the shape of a graph, straight from the driver's own library.

What kernels are called and what copies move is left to the bindings, whose structures follow the driver's version.
"""

import ctypes
from typing import NoReturn

from imp_graphcheck.device.cuda.graph_driver import (
    CopyParameters,
    DriverError,
    Function,
    KernelParameters,
    MemsetParameters,
    Region,
)

LIBRARY = "libcuda.so.1"
_MISSING = "cuda-bindings is not installed"


class LibcudaDriver:
    """Nodes, their types and their edges. Raises OSError where there is no driver."""

    label = "the driver library alone: no kernel names, no sizes of copies (install imp-graphcheck[cuda])"

    def __init__(self, library: ctypes.CDLL | None = None) -> None:
        self._library = ctypes.CDLL(LIBRARY) if library is None else library

    def version(self) -> int:
        version = ctypes.c_int()
        self._call("cuDriverGetVersion", ctypes.byref(version))
        return version.value

    def node_count(self, graph: int) -> int:
        count = ctypes.c_size_t()
        self._call("cuGraphGetNodes", ctypes.c_void_p(graph), None, ctypes.byref(count))
        return count.value

    def nodes(self, graph: int) -> list[int]:
        count = ctypes.c_size_t(self.node_count(graph))
        nodes = (ctypes.c_void_p * count.value)()
        if count.value:
            self._call("cuGraphGetNodes", ctypes.c_void_p(graph), nodes, ctypes.byref(count))
        return [_handle(node) for node in nodes]

    def edges(self, graph: int) -> list[tuple[int, int]]:
        call, handle, count = "cuGraphGetEdges_v2", ctypes.c_void_p(graph), ctypes.c_size_t()
        self._call(call, handle, None, None, None, ctypes.byref(count))
        sources, targets = ((ctypes.c_void_p * count.value)() for _ in range(2))
        kinds = (ctypes.c_uint64 * count.value)()  # eight bytes an edge: two ports, a type, and reserved ones
        if count.value:
            self._call(call, handle, sources, targets, kinds, ctypes.byref(count))
        return [(_handle(s), _handle(t)) for s, t in zip(sources, targets, strict=True)]

    def node_type(self, node: int) -> int:
        number = ctypes.c_int()
        self._call("cuGraphNodeGetType", ctypes.c_void_p(node), ctypes.byref(number))
        return number.value

    def child_graph(self, node: int) -> int:
        graph = ctypes.c_void_p()
        self._call("cuGraphChildGraphNodeGetGraph", ctypes.c_void_p(node), ctypes.byref(graph))
        return _handle(graph.value)

    def kernel(self, node: int) -> KernelParameters:
        _refuse("cuGraphKernelNodeGetParams")

    def symbol(self, function: Function) -> str:
        _refuse("cuFuncGetName")

    def layout(self, function: Function) -> list[tuple[int, int]]:
        _refuse("cuFuncGetParamInfo")

    def copy(self, node: int) -> CopyParameters:
        _refuse("cuGraphMemcpyNodeGetParams")

    def memset(self, node: int) -> MemsetParameters:
        _refuse("cuGraphMemsetNodeGetParams")

    def allocated(self, node: int) -> tuple[int, int]:
        _refuse("cuGraphMemAllocNodeGetParams")

    def freed(self, node: int) -> int:
        _refuse("cuGraphMemFreeNodeGetParams")

    def bodies(self, node: int) -> list[int]:
        _refuse("cuGraphNodeGetParams")

    def memory_type(self, address: int) -> int | None:
        _refuse("cuPointerGetAttribute")

    def region(self, address: int) -> Region | None:
        _refuse("cuPointerGetAttribute")

    def _call(self, name: str, *arguments: object) -> None:
        try:
            function = getattr(self._library, name)
        except AttributeError as error:
            raise DriverError(name, "the driver does not have it") from error
        result = function(*arguments)
        if result != 0:
            raise DriverError(name, f"error {result}")


def _handle(value: int | None) -> int:
    """ctypes gives None for a null handle."""
    return value or 0


def _refuse(call: str) -> NoReturn:
    raise DriverError(call, _MISSING)
