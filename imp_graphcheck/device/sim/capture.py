"""One stream capture: work is recorded instead of run.

A stream joins a capture by waiting on an event that was recorded inside it, and what it holds must be joined back
before the end (904). A refused call invalidates the capture: work that follows fails with 901, which hides the first.
"""

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from imp_graphcheck.device.sim.allocator import PoolId
from imp_graphcheck.device.sim.errors import CAPTURE_INVALIDATED, RuntimeCode, SimError
from imp_graphcheck.device.sim.work import NodeWork

if TYPE_CHECKING:
    from imp_graphcheck.device.sim.owners import Owner


CaptureMode = Literal["global", "thread_local", "relaxed"]
CAPTURE_MODES: tuple[CaptureMode, ...] = ("global", "thread_local", "relaxed")


@dataclass(frozen=True, slots=True, eq=False)
class GraphNode:
    """Recorded work. `dependencies` are indices of earlier nodes; `owners` who held each address at that moment."""

    index: int
    work: NodeWork
    stream: int
    dependencies: tuple[int, ...]
    owners: "tuple[Owner | None, ...]"


@dataclass(slots=True, eq=False)
class Capture:
    """One capture sequence in progress. `tails` maps each stream in it to the nodes its next node follows."""

    id: int
    mode: CaptureMode
    origin: int
    pool: PoolId
    generators: frozenset[int]
    thread: int = field(default_factory=threading.get_ident)
    nodes: list[GraphNode] = field(default_factory=list)
    tails: dict[int, frozenset[int]] = field(default_factory=dict)
    first_error: RuntimeCode | None = None

    def __post_init__(self) -> None:
        self.tails[self.origin] = frozenset()

    def add(self, work: NodeWork, stream: int, owners: "tuple[Owner | None, ...]") -> None:
        """Record `work` as the next node of `stream`."""
        self.require_valid()
        node = GraphNode(len(self.nodes), work, stream, tuple(sorted(self.tails[stream])), owners)
        self.nodes.append(node)
        self.tails[stream] = frozenset({node.index})

    def join(self, stream: int, tail: frozenset[int]) -> None:
        """`stream`, now in the capture if it was not, also follows the nodes of `tail`."""
        self.require_valid()
        self.tails[stream] = self.tails.get(stream, frozenset()) | tail

    def invalidate(self, error: RuntimeCode) -> None:
        """Remember the first error; the capture cannot succeed any more."""
        if self.first_error is None:
            self.first_error = error

    def require_valid(self) -> None:
        """Raise 901 when an earlier call of this capture was refused."""
        if self.first_error is not None:
            raise SimError(CAPTURE_INVALIDATED)

    def forbids_unsafe_call(self) -> bool:
        """Whether a potentially unsafe call from this thread is refused."""
        if self.mode == "global":
            return True
        return self.mode == "thread_local" and self.thread == threading.get_ident()

    def unjoined_stream(self) -> int | None:
        """A forked stream that holds nodes which the origin does not follow."""
        followed: set[int] = set()
        pending = list(self.tails[self.origin])
        while pending:
            index = pending.pop()
            if index not in followed:
                followed.add(index)
                pending.extend(self.nodes[index].dependencies)
        return next((stream for stream, tail in self.tails.items() if not tail <= followed), None)
