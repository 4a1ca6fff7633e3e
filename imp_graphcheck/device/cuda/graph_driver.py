"""What reading a graph needs from the driver, in plain integers: handles, type numbers, addresses."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

Dim3 = tuple[int, int, int]


class DriverError(RuntimeError):
    """A call of the driver that failed, or that this driver or this installation does not have."""

    def __init__(self, call: str, reason: str) -> None:
        super().__init__(f"{call}: {reason}")
        self.call = call
        self.reason = reason


class Function(NamedTuple):
    """The function of a kernel node: a CUfunction of the current context, or a CUkernel of any (`is_kernel`)."""

    handle: int
    is_kernel: bool


class KernelParameters(NamedTuple):
    """A kernel node. `arguments` and `extra` are addresses of arrays that the node owns; one of them is mostly 0."""

    function: Function
    grid: Dim3
    block: Dim3
    shared_bytes: int
    arguments: int
    extra: int


@dataclass(frozen=True, slots=True)
class CopyEnd:
    """Where a copy reads or writes. `memory_type` is the driver's CUmemorytype; 0 where it is none we know.

    `span_bytes` reaches from the first byte to the last, with the gaps of a pitched copy. An array has address 0.
    """

    memory_type: int
    address: int
    span_bytes: int = 0


@dataclass(frozen=True, slots=True)
class CopyParameters:
    """A memcpy node."""

    source: CopyEnd
    target: CopyEnd
    size_bytes: int


@dataclass(frozen=True, slots=True)
class MemsetParameters:
    """A memset node. `value` is the element that is repeated."""

    target: int
    value: int
    size_bytes: int
    span_bytes: int


@dataclass(frozen=True, slots=True)
class Region:
    """A piece of memory as the driver made it. `buffer_id` is never used twice in a process."""

    memory_type: int
    address: int
    size_bytes: int
    buffer_id: int


class Capture(NamedTuple):
    """A capture in progress: its number, never used twice in a process, and the graph it records into.

    `last` are the nodes that the next one will wait for. To count all nodes would take the longer the more there are.
    """

    id: int
    graph: int
    last: tuple[int, ...] = ()


class GraphDriver(Protocol):
    """Every method raises DriverError; no method launches, waits or changes anything."""

    @property
    def label(self) -> str:
        """What reads the graphs, for the reader of a report."""
        ...

    def version(self) -> int:
        """The CUDA version that the driver supports, as 1000 * major + 10 * minor."""
        ...

    def node_count(self, graph: int) -> int: ...

    def nodes(self, graph: int) -> list[int]:
        """The nodes of a graph in the order of their creation, without those of its child graphs."""
        ...

    def edges(self, graph: int) -> list[tuple[int, int]]:
        """Pairs of nodes: the second waits for the first, whatever kind of edge it is."""
        ...

    def node_type(self, node: int) -> int:
        """The driver's CUgraphNodeType."""
        ...

    def kernel(self, node: int) -> KernelParameters: ...

    def symbol(self, function: Function) -> str:
        """The name that the linker knows a function by."""
        ...

    def layout(self, function: Function) -> list[tuple[int, int]]:
        """Offset and size of each parameter of a function, as they lie in its packed parameter buffer."""
        ...

    def copy(self, node: int) -> CopyParameters: ...

    def memset(self, node: int) -> MemsetParameters: ...

    def allocated(self, node: int) -> tuple[int, int]:
        """Address and size of what an alloc node allocates. The address is virtual until the graph is launched."""
        ...

    def freed(self, node: int) -> int:
        """The address that a free node frees."""
        ...

    def child_graph(self, node: int) -> int: ...

    def bodies(self, node: int) -> list[int]:
        """The graphs of a conditional node."""
        ...

    def memory_type(self, address: int) -> int | None:
        """The CUmemorytype of a unified address; None where the driver does not know it (pageable host memory)."""
        ...

    def region(self, address: int) -> Region | None:
        """The piece of memory that holds `address`; None where the driver does not know it."""
        ...
