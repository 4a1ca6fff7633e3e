"""What reading a graph needs from the driver, in plain integers: handles, type numbers, addresses."""

from dataclasses import dataclass
from typing import Protocol


class DriverError(RuntimeError):
    """A call of the driver that failed, or that this driver or this installation does not have."""

    def __init__(self, call: str, reason: str) -> None:
        super().__init__(f"{call}: {reason}")
        self.call = call
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Function:
    """The function of a kernel node: a CUfunction of the current context, or a CUkernel of any (`is_kernel`)."""

    handle: int
    is_kernel: bool


@dataclass(frozen=True, slots=True)
class CopyEnd:
    """Where a copy reads or writes. `memory_type` is the driver's CUmemorytype; 0 where it is none we know."""

    memory_type: int
    address: int


@dataclass(frozen=True, slots=True)
class CopyParameters:
    """A memcpy node."""

    source: CopyEnd
    target: CopyEnd
    size_bytes: int


class GraphDriver(Protocol):
    """Every method raises DriverError; no method launches, waits or changes anything."""

    @property
    def label(self) -> str:
        """What reads the graphs, for the reader of a report."""
        ...

    def version(self) -> int:
        """The CUDA version that the driver supports, as 1000 * major + 10 * minor."""
        ...

    def nodes(self, graph: int) -> list[int]:
        """The nodes of a graph in the order of their creation, without those of its child graphs."""
        ...

    def edges(self, graph: int) -> list[tuple[int, int]]:
        """Pairs of nodes: the second waits for the first, whatever kind of edge it is."""
        ...

    def node_type(self, node: int) -> int:
        """The driver's CUgraphNodeType."""
        ...

    def function(self, node: int) -> Function:
        """What a kernel node launches."""
        ...

    def symbol(self, function: Function) -> str:
        """The name that the linker knows a function by."""
        ...

    def copy(self, node: int) -> CopyParameters: ...

    def memset_bytes(self, node: int) -> int: ...

    def allocated_bytes(self, node: int) -> int: ...

    def child_graph(self, node: int) -> int: ...

    def bodies(self, node: int) -> list[int]:
        """The graphs of a conditional node."""
        ...

    def memory_type(self, address: int) -> int | None:
        """The CUmemorytype of a unified address; None where the driver does not know it (pageable host memory)."""
        ...
