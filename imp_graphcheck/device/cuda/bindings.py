"""The driver through NVIDIA's `cuda-bindings`."""

from collections.abc import Callable
from typing import Any

from imp_graphcheck.device.cuda.graph_driver import CopyEnd, CopyParameters, DriverError, Function

_SUCCESS = 0
_INVALID_VALUE = 1
_HOST = 1
_NO_TYPE = 0


class BindingsDriver:
    """`module` is `cuda.bindings.driver`, or anything with its functions.

    Each of those returns its result code, and then its values.
    """

    def __init__(self, module: Any, version: str) -> None:
        self._module = module
        self.label = f"cuda-bindings {version}"

    def version(self) -> int:
        return int(self._call("cuDriverGetVersion")[0])

    def nodes(self, graph: int) -> list[int]:
        # The first call counts, the second fills: without a count the driver fills nothing.
        count = int(self._call("cuGraphGetNodes", graph)[-1])
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

    def function(self, node: int) -> Function:
        parameters = self._call("cuGraphKernelNodeGetParams", node)[0]
        function = int(parameters.func)
        return Function(function, False) if function else Function(int(parameters.kern), True)

    def symbol(self, function: Function) -> str:
        call = "cuKernelGetName" if function.is_kernel else "cuFuncGetName"
        name: bytes = self._call(call, function.handle)[0]
        return name.decode(errors="replace")

    def copy(self, node: int) -> CopyParameters:
        copy = self._call("cuGraphMemcpyNodeGetParams", node)[0]
        return CopyParameters(
            source=_copy_end(lambda: copy.srcMemoryType, copy.srcHost, copy.srcDevice, copy.srcXInBytes),
            target=_copy_end(lambda: copy.dstMemoryType, copy.dstHost, copy.dstDevice, copy.dstXInBytes),
            size_bytes=int(copy.WidthInBytes) * max(int(copy.Height), 1) * max(int(copy.Depth), 1),
        )

    def memset_bytes(self, node: int) -> int:
        memset = self._call("cuGraphMemsetNodeGetParams", node)[0]
        return int(memset.elementSize) * int(memset.width) * max(int(memset.height), 1)

    def allocated_bytes(self, node: int) -> int:
        return int(self._call("cuGraphMemAllocNodeGetParams", node)[0].bytesize)

    def child_graph(self, node: int) -> int:
        return int(self._call("cuGraphChildGraphNodeGetGraph", node)[0])

    def bodies(self, node: int) -> list[int]:
        # The driver tells the bodies of a conditional node only from CUDA 13.2 on.
        conditional = self._call("cuGraphNodeGetParams", node)[0].conditional
        return [int(graph) for graph in conditional.phGraph_out]

    def memory_type(self, address: int) -> int | None:
        attribute = self._module.CUpointer_attribute.CU_POINTER_ATTRIBUTE_MEMORY_TYPE
        result, *values = self._invoke("cuPointerGetAttribute", attribute, address)
        if int(result) == _INVALID_VALUE:
            return None
        self._check("cuPointerGetAttribute", result)
        return int(values[0])

    def _call(self, name: str, *arguments: Any) -> list[Any]:
        result, *values = self._invoke(name, *arguments)
        self._check(name, result)
        return values

    def _invoke(self, name: str, *arguments: Any) -> tuple[Any, ...]:
        function: Callable[..., tuple[Any, ...]] | None = getattr(self._module, name, None)
        if function is None:
            raise DriverError(name, f"{self.label} does not have it")
        try:
            return function(*arguments)
        except RuntimeError as error:  # how the bindings say that the driver has no such function
            raise DriverError(name, str(error)) from error
        except ValueError as error:  # a number that is newer than the enumerations of the bindings
            raise DriverError(name, f"{self.label} is older than the driver: {error}") from error

    def _check(self, name: str, result: Any) -> None:
        if int(result) != _SUCCESS:
            raise DriverError(name, str(getattr(result, "name", result)))


def _copy_end(memory_type: Callable[[], Any], host: Any, device: Any, offset: Any) -> CopyEnd:
    """`memory_type` is read here, because the bindings raise for a number that their enumeration lacks."""
    try:
        kind = int(memory_type())
    except ValueError:
        kind = _NO_TYPE
    return CopyEnd(kind, int((host if kind == _HOST else device) or 0) + int(offset))
