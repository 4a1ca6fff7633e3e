"""A node as the driver tells it, before anybody asks what its bytes point at."""

from dataclasses import dataclass
from typing import NamedTuple

from imp_graphcheck.device.cuda.graph_driver import Dim3
from imp_graphcheck.record.graph import Access, CopyDirection, NodeKind


class RawParam(NamedTuple):
    """The bytes of one parameter. `is_address`: it is one for certain, as the ends of a copy are."""

    name: str
    data: bytes
    is_address: bool = False
    access: Access = "unknown"
    span_bytes: int | None = None


@dataclass(slots=True, kw_only=True)
class RawNode:
    """One node, with what the driver tells of it.

    `created` is its place in the order of creation; what runs inside another node has the place of that.
    """

    index: int
    kind: NodeKind
    name: str
    created: int
    handle: int = 0
    """The driver's, valid as long as the graph is."""
    dependencies: tuple[int, ...] = ()
    direction: CopyDirection | None = None
    size_bytes: int | None = None
    grid: Dim3 | None = None
    block: Dim3 | None = None
    shared_bytes: int | None = None
    params: tuple[RawParam, ...] = ()
    inner: tuple[int, ...] = ()
    """Graphs that run as part of this node."""
