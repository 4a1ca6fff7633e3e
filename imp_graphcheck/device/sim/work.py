"""What can be queued on a stream or recorded into a graph: launches, copies, memsets, events, graph launches.

Work names memory by address. What lies there is looked at when the work runs, not when it is queued.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import torch

from imp_graphcheck.device.stack import RawStack
from imp_graphcheck.device.traced_call import Direction, HostMemory

if TYPE_CHECKING:
    from imp_graphcheck.device.sim.capture import GraphNode
    from imp_graphcheck.device.sim.graph import CUDAGraph


@dataclass(frozen=True, slots=True)
class Operand:
    """A tensor argument: where it lies and how it is laid out. `span_bytes` runs to its last element."""

    name: str
    address: int
    dtype: torch.dtype
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    span_bytes: int
    written: bool


@dataclass(frozen=True, slots=True, eq=False)
class Slot:
    """Stands for operand number `index` among the arguments of a launch. Made by `slot`, one for each index."""

    index: int


slot = cache(Slot)


@dataclass(slots=True, eq=False)
class Launch:
    """One kernel. `args` and `kwargs` hold `Slot`s for tensors and plain values, frozen here, for the rest.

    `results` are the operands that take what a functional operator returns; operators that write into their
    arguments have none. `workspace` is scratch of a math library: the kernel writes it, nobody reads it.
    """

    op: torch._ops.OpOverload
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    operands: tuple[Operand, ...]
    results: tuple[Operand, ...]
    stack: RawStack
    workspace: Operand | None = None

    @property
    def name(self) -> str:
        return str(self.op)

    def touched(self) -> tuple[Operand, ...]:
        """Every operand, the workspace included."""
        extra = (self.workspace,) if self.workspace is not None else ()
        return (*self.operands, *self.results, *extra)


@dataclass(slots=True, eq=False)
class Copy:
    """A contiguous copy of `size_bytes`. A pageable source was staged when the call was made (`staged`)."""

    direction: Direction
    source: int
    target: int
    size_bytes: int
    stack: RawStack
    host: HostMemory | None = None
    staged: torch.Tensor | None = None
    on_done: Callable[[], None] | None = None

    @property
    def name(self) -> str:
        return f"memcpy {self.direction}"


@dataclass(slots=True, eq=False)
class Memset:
    """`size_bytes` bytes at `target` become `value`."""

    target: int
    value: int
    size_bytes: int
    stack: RawStack

    @property
    def name(self) -> str:
        return "memset"


@dataclass(slots=True, eq=False)
class Recording:
    """One recording of an event on a stream. `at` is the host's clock, in seconds, when the device got there."""

    stream: int
    done: bool = False
    at: float = 0.0


@dataclass(slots=True, eq=False)
class EventRecord:
    """The recording is done when the stream gets here."""

    recording: Recording


@dataclass(slots=True, eq=False)
class EventWait:
    """The stream stays here until the recording is done."""

    recording: Recording


@dataclass(slots=True, eq=False)
class GraphLaunch:
    """Every node of the graph, in order."""

    graph: "CUDAGraph"


@dataclass(slots=True, eq=False)
class NodeLaunch:
    """One node of the graph alone."""

    graph: "CUDAGraph"
    node: "GraphNode"


@dataclass(slots=True, eq=False)
class EventState:
    """What an event stands for: its last recording on a stream, or the place in a capture where it was recorded."""

    recording: Recording | None = None
    capture_id: int | None = None
    capture_tail: frozenset[int] = field(default_factory=frozenset)
    number: int | None = None
    """Which event it is, once the runtime has made it."""


NodeWork = Launch | Copy | Memset


def addresses(work: NodeWork) -> tuple[int, ...]:
    """Every address that `work` names: its operands in order, or source and target."""
    if isinstance(work, Launch):
        return tuple(operand.address for operand in work.touched())
    if isinstance(work, Copy):
        return (work.source, work.target)
    return (work.target,)


Work = NodeWork | EventRecord | EventWait | GraphLaunch | NodeLaunch
