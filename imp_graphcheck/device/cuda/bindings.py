"""The driver through NVIDIA's `cuda-bindings`."""

from typing import Any

from imp_graphcheck.device.cuda.calls import Calls
from imp_graphcheck.device.cuda.graph_driver import (
    CopyEnd,
    CopyParameters,
    Function,
    KernelParameters,
    MemsetParameters,
    Region,
)

_INVALID_VALUE = 1
_HOST = 1
_ARRAY = 3
_NO_TYPE = 0


class BindingsDriver:
    """`module` is `cuda.bindings.driver`, or anything with its functions.

    Each of those returns its result code, and then its values.
    """

    def __init__(self, module: Any, version: str) -> None:
        self._module = module
        self.label = f"cuda-bindings {version}"
        self._call = Calls(module, self.label)
        self._invoke, self._check = self._call.invoke, self._call.check

    def version(self) -> int:
        return int(self._call("cuDriverGetVersion")[0])

    def node_count(self, graph: int) -> int:
        return int(self._call("cuGraphGetNodes", graph)[-1])

    def nodes(self, graph: int) -> list[int]:
        # The first call counts, the second fills: without a count the driver fills nothing.
        count = self.node_count(graph)
        return [int(node) for node in self._call("cuGraphGetNodes", graph, count)[0]] if count else []

    def edges(self, graph: int) -> list[tuple[int, int]]:
        # Bindings of CUDA 12.3 and later return the kinds of the edges between the ends and the count. They must
        # be asked for (a plain query of a graph with programmatic launches is refused) and are of no use here.
        count = int(self._call("cuGraphGetEdges", graph)[-1])
        if not count:
            return []
        sources, targets, *_ = self._call("cuGraphGetEdges", graph, count)
        return [(int(source), int(target)) for source, target in zip(sources, targets, strict=True)]

    def node_type(self, node: int) -> int:
        return int(self._call("cuGraphNodeGetType", node)[0])

    def kernel(self, node: int) -> KernelParameters:
        found = self._call("cuGraphKernelNodeGetParams", node)[0]
        function = int(found.func)
        return KernelParameters(
            Function(function, False) if function else Function(int(found.kern), True),
            (found.gridDimX, found.gridDimY, found.gridDimZ),
            (found.blockDimX, found.blockDimY, found.blockDimZ),
            found.sharedMemBytes,
            int(found.kernelParams or 0),
            int(found.extra or 0),
        )

    def symbol(self, function: Function) -> str:
        call = "cuKernelGetName" if function.is_kernel else "cuFuncGetName"
        name: bytes = self._call(call, function.handle)[0]
        return name.decode(errors="replace")

    def layout(self, function: Function) -> list[tuple[int, int]]:
        call = "cuKernelGetParamInfo" if function.is_kernel else "cuFuncGetParamInfo"
        found: list[tuple[int, int]] = []
        while True:  # the driver refuses the first index that is no parameter
            result, *values = self._invoke(call, function.handle, len(found))
            if int(result) == _INVALID_VALUE:
                return found
            self._check(call, result)
            found.append((int(values[0]), int(values[1])))

    def copy(self, node: int) -> CopyParameters:
        copy = self._call("cuGraphMemcpyNodeGetParams", node)[0]
        return CopyParameters(
            source=_copy_end(copy, "src"),
            target=_copy_end(copy, "dst"),
            size_bytes=int(copy.WidthInBytes) * max(int(copy.Height), 1) * max(int(copy.Depth), 1),
        )

    def memset(self, node: int) -> MemsetParameters:
        memset = self._call("cuGraphMemsetNodeGetParams", node)[0]
        row, rows = int(memset.elementSize) * int(memset.width), max(int(memset.height), 1)
        return MemsetParameters(
            target=int(memset.dst),
            value=int(memset.value),
            size_bytes=row * rows,
            span_bytes=row + (rows - 1) * max(int(memset.pitch), row),
        )

    def allocated(self, node: int) -> tuple[int, int]:
        found = self._call("cuGraphMemAllocNodeGetParams", node)[0]
        return int(found.dptr), int(found.bytesize)

    def freed(self, node: int) -> int:
        return int(self._call("cuGraphMemFreeNodeGetParams", node)[0])

    def child_graph(self, node: int) -> int:
        return int(self._call("cuGraphChildGraphNodeGetGraph", node)[0])

    def bodies(self, node: int) -> list[int]:
        # The driver tells the bodies of a conditional node only from CUDA 13.2 on.
        conditional = self._call("cuGraphNodeGetParams", node)[0].conditional
        return [int(graph) for graph in conditional.phGraph_out]

    def memory_type(self, address: int) -> int | None:
        return self._attribute("CU_POINTER_ATTRIBUTE_MEMORY_TYPE", address)

    def region(self, address: int) -> Region | None:
        memory_type = self.memory_type(address)
        if memory_type is None:
            return None
        start, size, number = (
            self._attribute(f"CU_POINTER_ATTRIBUTE_{name}", address)
            for name in ("RANGE_START_ADDR", "RANGE_SIZE", "BUFFER_ID")
        )
        if start is None or size is None or number is None:
            return None
        return Region(memory_type, start, size, number)

    def _attribute(self, name: str, address: int) -> int | None:
        """An attribute of the memory at `address`; None for an address that the driver does not know."""
        attribute = getattr(self._module.CUpointer_attribute, name)
        result, *values = self._invoke("cuPointerGetAttribute", attribute, address)
        if int(result) == _INVALID_VALUE:
            return None
        self._check("cuPointerGetAttribute", result)
        return int(values[0])


def _copy_end(copy: Any, side: str) -> CopyEnd:
    """One end of a CUDA_MEMCPY3D; the bindings raise for a memory type that their enumeration lacks."""

    def field(name: str) -> int:
        return int(getattr(copy, side + name) or 0)

    try:
        kind = field("MemoryType")
    except ValueError:
        kind = _NO_TYPE
    width, rows, layers = int(copy.WidthInBytes), max(int(copy.Height), 1), max(int(copy.Depth), 1)
    pitch = max(field("Pitch"), width)
    layer = pitch * max(field("Height"), rows)
    span = width + (rows - 1) * pitch + (layers - 1) * layer
    if kind == _ARRAY:
        return CopyEnd(kind, 0, span)
    base = field("Host") if kind == _HOST else field("Device")
    first = field("XInBytes") + field("Y") * pitch + field("Z") * layer
    return CopyEnd(kind, base + first, span)
