"""A captured graph as it was read from the device: its nodes in launch order, and every argument of each."""

from collections import Counter
from collections.abc import Iterable
from typing import Literal

import msgspec

from imp_graphcheck.record.site import Site

NodeKind = Literal[
    "kernel", "memcpy", "memset", "host", "event", "alloc", "free", "graph", "conditional", "empty", "other"
]
CopyDirection = Literal["h2d", "d2h", "d2d", "h2h"]
Access = Literal["read", "write", "readwrite", "unknown"]


class Pointer(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An address among the bytes of a parameter.

    `offset` is its place in the parameter, in bytes. `generation` names the allocation that held the address when
    the node was recorded, `displacement` the place in it. `span_bytes` is how far the node reaches from there, where
    that is known. `confirmed`: a second capture has the address at the same place of the corresponding allocation,
    so it is no number that merely looks like one; None where there was no second capture.
    """

    offset: int
    address: int
    generation: int | None = None
    displacement: int = 0
    span_bytes: int | None = None
    access: Access = "unknown"
    confirmed: bool | None = None


class Param(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One argument of a node: its bytes in hexadecimal, and the addresses among them.

    Copies and memsets have parameters too: `source`, `target`, `value`. `name` is the program's where it is known.
    """

    name: str
    data: str
    pointers: tuple[Pointer, ...] = ()


class Edge(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """`target` waits for `source`."""

    source: int
    target: int


class Node(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One node. `dependencies` are indices of nodes of the same graph.

    `op` is the torch operator that launched it, `launch` the index of the launching line in `GraphTrace.sites`.
    """

    index: int
    kind: NodeKind
    name: str
    dependencies: tuple[int, ...] = ()
    direction: CopyDirection | None = None
    size_bytes: int | None = None
    grid: tuple[int, int, int] | None = None
    block: tuple[int, int, int] | None = None
    shared_bytes: int | None = None
    op: str | None = None
    params: tuple[Param, ...] = ()
    launch: int | None = None


class GraphTrace(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One captured graph. `key` is what the program files it under, in its own words.

    `pool` names its private memory pool, whose size was `pool_bytes` when the capture ended. `sites` holds each
    launching line once.
    """

    key: str
    nodes: tuple[Node, ...]
    capture_seconds: float
    pool_bytes: int | None
    pool: str | None = None
    sites: tuple[Site, ...] = ()
    replays: int = 0

    @property
    def census(self) -> dict[str, int]:
        """How many nodes there are of each kind, the most frequent first."""
        return dict(Counter(node.kind for node in self.nodes).most_common())

    @property
    def edges(self) -> tuple[Edge, ...]:
        """Who waits for whom."""
        return tuple(
            Edge(source=source, target=node.index) for node in self.nodes for source in node.dependencies
        )

    def launch_site(self, node: Node) -> Site | None:
        """The line that launched `node`."""
        return None if node.launch is None else self.sites[node.launch]


def generations_in(graphs: Iterable[GraphTrace]) -> set[int]:
    """The allocations that `graphs` point at. A word that a second capture showed to be a number points at nothing."""
    return {
        pointer.generation
        for graph in graphs
        for node in graph.nodes
        for param in node.params
        if param.pointers
        for pointer in param.pointers
        if pointer.generation is not None and pointer.confirmed is not False
    }
