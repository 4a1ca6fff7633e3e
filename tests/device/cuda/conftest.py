"""A stand-in for `cuda.bindings.driver`: same functions, same shapes of answers, graphs made of plain Python."""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from types import SimpleNamespace
from typing import Any

import pytest


class Result(IntEnum):
    CUDA_SUCCESS = 0
    CUDA_ERROR_INVALID_VALUE = 1
    CUDA_ERROR_ILLEGAL_ADDRESS = 700


class MemoryType(IntEnum):
    HOST = 1
    DEVICE = 2
    ARRAY = 3
    UNIFIED = 4


@dataclass(frozen=True)
class Handle:
    """The bindings' handles are objects, equal by value, that turn into integers when asked."""

    value: int

    def __int__(self) -> int:
        return self.value


@dataclass
class FakeNode:
    type: int
    parameters: Any = None


@dataclass
class FakeBindings:
    """Register graphs, then hand this to `BindingsDriver`. Graphs and nodes are told apart by their handles."""

    graphs: dict[int, tuple[list[int], list[tuple[int, int]]]] = field(default_factory=dict)
    made: dict[int, FakeNode] = field(default_factory=dict)
    symbols: dict[tuple[str, int], str] = field(default_factory=dict)
    layouts: dict[tuple[str, int], list[tuple[int, int]]] = field(default_factory=dict)
    memory: dict[int, MemoryType] = field(default_factory=dict)
    regions: list[tuple[int, int, int, MemoryType]] = field(default_factory=list)
    """Start, size, number and kind of what the driver has mapped."""
    calls: list[str] = field(default_factory=list)
    edge_data: bool = True
    single: dict[int, list[tuple[str, Any]]] = field(default_factory=dict)
    """Graphs that were made here, and what was added to each: the function, and the parameters it was given."""
    attributes: list[tuple[int, int]] = field(default_factory=list)
    """Pairs of nodes: the first took over the attributes of the second."""
    launched: list[tuple[str, Any]] = field(default_factory=list)
    """What ran, in order."""
    refusing: dict[str, Any] = field(default_factory=dict)
    """Functions that return this result and do nothing."""
    CUpointer_attribute = SimpleNamespace(
        CU_POINTER_ATTRIBUTE_MEMORY_TYPE=2,
        CU_POINTER_ATTRIBUTE_BUFFER_ID=7,
        CU_POINTER_ATTRIBUTE_RANGE_START_ADDR=11,
        CU_POINTER_ATTRIBUTE_RANGE_SIZE=12,
    )

    def add(self, graph: int, nodes: Sequence[FakeNode], edges: Sequence[tuple[int, int]] = ()) -> int:
        """A graph whose node i has the handle 1000 * graph + i; edges are pairs of such i."""
        handles = [1000 * graph + index for index in range(len(nodes))]
        self.made.update(zip(handles, nodes, strict=True))
        self.graphs[graph] = handles, [(handles[a], handles[b]) for a, b in edges]
        return graph

    def cuDriverGetVersion(self) -> tuple[Any, ...]:  # noqa: N802 - the names are the driver's
        return Result.CUDA_SUCCESS, 13000

    def cuGraphGetNodes(self, graph: int, count: int = 0) -> tuple[Any, ...]:  # noqa: N802
        nodes, _ = self.graphs[graph]
        return Result.CUDA_SUCCESS, [Handle(node) for node in nodes[:count]], len(nodes)

    def cuGraphGetEdges(self, graph: int, count: int = 0) -> tuple[Any, ...]:  # noqa: N802
        _, edges = self.graphs[graph]
        sources, targets = ([Handle(edge[side]) for edge in edges[:count]] for side in (0, 1))
        kinds = ([object()] * len(sources),) if self.edge_data else ()
        return Result.CUDA_SUCCESS, sources, targets, *kinds, len(edges)

    def cuGraphNodeGetType(self, node: int) -> tuple[Any, ...]:  # noqa: N802
        self.calls.append("cuGraphNodeGetType")
        number = self.made[node].type
        if number > 16:
            raise ValueError(f"{number} is not a valid CUgraphNodeType")
        return Result.CUDA_SUCCESS, number

    def _parameters(self, node: int) -> tuple[Any, ...]:
        parameters = self.made[node].parameters
        return parameters if isinstance(parameters, tuple) else (Result.CUDA_SUCCESS, parameters)

    cuGraphKernelNodeGetParams = _parameters  # noqa: N815
    cuGraphMemcpyNodeGetParams = _parameters  # noqa: N815
    cuGraphMemsetNodeGetParams = _parameters  # noqa: N815
    cuGraphMemAllocNodeGetParams = _parameters  # noqa: N815
    cuGraphMemFreeNodeGetParams = _parameters  # noqa: N815
    cuGraphChildGraphNodeGetGraph = _parameters  # noqa: N815
    cuGraphHostNodeGetParams = _parameters  # noqa: N815

    def cuGraphNodeGetParams(self, node: int) -> tuple[Any, ...]:  # noqa: N802
        if self.made[node].parameters is None:
            raise RuntimeError('Function "cuGraphNodeGetParams" not found')
        return self._parameters(node)

    def cuCtxGetCurrent(self) -> tuple[Any, ...]:  # noqa: N802
        return Result.CUDA_SUCCESS, Handle(77)

    def cuGraphCreate(self, flags: int) -> tuple[Any, ...]:  # noqa: N802
        assert flags == 0
        if "cuGraphCreate" in self.refusing:
            return self.refusing["cuGraphCreate"], None
        graph = 900_000 + len(self.calls)
        self.calls.append("cuGraphCreate")
        self.single[graph] = []
        return Result.CUDA_SUCCESS, Handle(graph)

    def _added(
        self, call: str, graph: Handle, dependencies: Any, count: int, parameters: Any
    ) -> tuple[Any, ...]:
        assert (dependencies, count) == (None, 0)
        if call in self.refusing:
            return self.refusing[call], None
        self.single[graph.value].append((call, parameters))
        return Result.CUDA_SUCCESS, Handle(graph.value + 1)

    def cuGraphAddKernelNode(self, graph: Any, before: Any, count: int, parameters: Any) -> tuple[Any, ...]:  # noqa: N802
        return self._added("kernel", graph, before, count, parameters)

    def cuGraphAddHostNode(self, graph: Any, before: Any, count: int, parameters: Any) -> tuple[Any, ...]:  # noqa: N802
        return self._added("host", graph, before, count, parameters)

    def cuGraphAddMemcpyNode(  # noqa: N802
        self, graph: Any, before: Any, count: int, parameters: Any, context: Any
    ) -> tuple[Any, ...]:
        assert int(context) == 77
        return self._added("memcpy", graph, before, count, parameters)

    def cuGraphAddMemsetNode(  # noqa: N802
        self, graph: Any, before: Any, count: int, parameters: Any, context: Any
    ) -> tuple[Any, ...]:
        assert int(context) == 77
        return self._added("memset", graph, before, count, parameters)

    def cuGraphKernelNodeCopyAttributes(self, copy: Any, node: int) -> tuple[Any, ...]:  # noqa: N802
        self.attributes.append((int(copy), node))
        return (Result.CUDA_SUCCESS,)

    def cuGraphInstantiate(self, graph: Any, flags: int) -> tuple[Any, ...]:  # noqa: N802
        assert flags == 0
        self.calls.append("cuGraphInstantiate")
        return Result.CUDA_SUCCESS, (Handle(500_000 + graph.value), list(self.single[graph.value]))

    def cuGraphDestroy(self, graph: Any) -> tuple[Any, ...]:  # noqa: N802
        del self.single[graph.value]
        return (Result.CUDA_SUCCESS,)

    def cuGraphLaunch(self, executable: Any, stream: int) -> tuple[Any, ...]:  # noqa: N802
        self.calls.append(f"launch on {stream}")
        self.launched.extend(executable[1])
        return (Result.CUDA_SUCCESS,)

    def cuGraphExecDestroy(self, executable: Any) -> tuple[Any, ...]:  # noqa: N802
        self.calls.append("cuGraphExecDestroy")
        return (Result.CUDA_SUCCESS,)

    def cuFuncGetName(self, handle: int) -> tuple[Any, ...]:  # noqa: N802
        return self._symbol("function", handle)

    def cuKernelGetName(self, handle: int) -> tuple[Any, ...]:  # noqa: N802
        return self._symbol("kernel", handle)

    def _symbol(self, kind: str, handle: int) -> tuple[Any, ...]:
        self.calls.append(kind)
        name = self.symbols.get((kind, handle))
        return (
            (Result.CUDA_ERROR_INVALID_VALUE, b"") if name is None else (Result.CUDA_SUCCESS, name.encode())
        )

    def cuFuncGetParamInfo(self, handle: int, place: int) -> tuple[Any, ...]:  # noqa: N802
        return self._layout("function", handle, place)

    def cuKernelGetParamInfo(self, handle: int, place: int) -> tuple[Any, ...]:  # noqa: N802
        return self._layout("kernel", handle, place)

    def _layout(self, kind: str, handle: int, place: int) -> tuple[Any, ...]:
        self.calls.append(f"{kind} layout")
        layout = self.layouts.get((kind, handle), [])
        if place >= len(layout):
            return Result.CUDA_ERROR_INVALID_VALUE, 0, 0
        return Result.CUDA_SUCCESS, *layout[place]

    def cuPointerGetAttribute(self, attribute: int, address: int) -> tuple[Any, ...]:  # noqa: N802
        for start, size, number, kind in self.regions:
            if start <= address < start + size:
                return Result.CUDA_SUCCESS, {2: kind, 7: number, 11: start, 12: size}[attribute]
        known = self.memory.get(address)
        return (Result.CUDA_ERROR_INVALID_VALUE, 0) if known is None else (Result.CUDA_SUCCESS, known)


class Make:
    """Nodes of every type, as the bindings describe them."""

    Node = FakeNode
    Type = MemoryType
    ILLEGAL_ADDRESS = (Result.CUDA_ERROR_ILLEGAL_ADDRESS, None)

    @staticmethod
    def kernel(
        func: int = 0,
        kern: int = 0,
        arguments: Sequence[bytes] | None = None,
        packed: bytes | None = None,
        shape: tuple[tuple[int, int, int], tuple[int, int, int], int] = ((1, 1, 1), (1, 1, 1), 0),
    ) -> FakeNode:
        """Arguments lie behind an array of addresses, or packed behind a list of options, as the driver keeps them."""
        grid, block, shared = shape
        separate, owned = _separate(arguments)
        extra, more = _extra(packed)
        parameters = SimpleNamespace(
            func=Handle(func),
            kern=Handle(kern),
            kernelParams=separate,
            extra=extra,
            sharedMemBytes=shared,
            memory=[*owned, *more],
        )
        for name, sizes in (("grid", grid), ("block", block)):
            for axis, size in zip("XYZ", sizes, strict=True):
                setattr(parameters, f"{name}Dim{axis}", size)
        return FakeNode(0, parameters)

    @staticmethod
    def copy(
        source: Any, target: Any, width: int = 64, height: int = 1, depth: int = 1, pitch: int = 0
    ) -> FakeNode:
        """Each end is (memory type, address)."""
        parameters = _CopyStruct(source[0], target[0])
        for side, (kind, address) in (("src", source), ("dst", target)):
            host = kind == MemoryType.HOST
            setattr(parameters, f"{side}Host", address if host else 0)
            setattr(parameters, f"{side}Device", Handle(0 if host else address))
            for name, value in (("XInBytes", 0), ("Y", 0), ("Z", 0), ("Pitch", pitch), ("Height", height)):
                setattr(parameters, f"{side}{name}", value)
        parameters.WidthInBytes, parameters.Height, parameters.Depth = width, height, depth
        return FakeNode(1, parameters)

    @staticmethod
    def memset(
        element_size: int, width: int, height: int, dst: int = 0, value: int = 0, pitch: int = 0
    ) -> FakeNode:
        return FakeNode(
            2,
            SimpleNamespace(
                elementSize=element_size,
                width=width,
                height=height,
                dst=Handle(dst),
                value=value,
                pitch=pitch,
            ),
        )

    @staticmethod
    def host(function: int) -> FakeNode:
        return FakeNode(3, SimpleNamespace(fn=Handle(function), userData=0))

    @staticmethod
    def child(graph: int) -> FakeNode:
        return FakeNode(4, Handle(graph))

    @staticmethod
    def alloc(size: int, address: int = 0) -> FakeNode:
        return FakeNode(10, SimpleNamespace(bytesize=size, dptr=Handle(address)))

    @staticmethod
    def free(address: int) -> FakeNode:
        return FakeNode(11, Handle(address))

    @staticmethod
    def conditional(*bodies: int) -> FakeNode:
        """Without bodies: a driver that does not tell them."""
        if not bodies:
            return FakeNode(13)
        return FakeNode(
            13, SimpleNamespace(conditional=SimpleNamespace(phGraph_out=[Handle(b) for b in bodies]))
        )


def _separate(arguments: Sequence[bytes] | None) -> tuple[int, list[Any]]:
    """The address of an array of addresses, and what must live as long as it; None is a null pointer."""
    if arguments is None:
        return 0, []
    buffers = [ctypes.create_string_buffer(argument, len(argument)) for argument in arguments]
    array = (ctypes.c_uint64 * len(buffers))(*(ctypes.addressof(buffer) for buffer in buffers))
    return ctypes.addressof(array), [array, *buffers]


def _extra(packed: bytes | None) -> tuple[int, list[Any]]:
    """The address of a list of options that names a packed buffer and its size."""
    if packed is None:
        return 0, []
    buffer, size = ctypes.create_string_buffer(packed, len(packed)), ctypes.c_size_t(len(packed))
    options = (ctypes.c_uint64 * 5)(1, ctypes.addressof(buffer), 2, ctypes.addressof(size), 0)
    return ctypes.addressof(options), [options, buffer, size]


class _CopyStruct(SimpleNamespace):
    """CUDA_MEMCPY3D: reading a memory type that the enumeration lacks raises, as in the bindings."""

    def __init__(self, source: int, target: int) -> None:
        super().__init__()
        self._types = source, target

    @property
    def srcMemoryType(self) -> MemoryType:  # noqa: N802
        return MemoryType(self._types[0])

    @property
    def dstMemoryType(self) -> MemoryType:  # noqa: N802
        return MemoryType(self._types[1])


@pytest.fixture
def bindings() -> FakeBindings:
    """An empty stand-in for `cuda.bindings.driver`."""
    return FakeBindings()


@pytest.fixture
def make() -> type[Make]:
    """Makes nodes for it."""
    return Make
