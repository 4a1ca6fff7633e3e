"""A captured graph as it was read from the device: its nodes, in launch order."""

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from imp_graphcheck.record.site import Site

NodeKind = Literal[
    "kernel", "memcpy", "memset", "host", "event", "alloc", "free", "graph", "conditional", "empty", "other"
]
CopyDirection = Literal["h2d", "d2h", "d2d", "h2h"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One node. `dependencies` are indices of nodes of the same graph."""

    index: int
    kind: NodeKind
    name: str
    dependencies: tuple[int, ...] = ()
    direction: CopyDirection | None = None
    size_bytes: int | None = None
    launch_site: Site | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphTrace:
    """One captured graph. `key` is what the program files it under, in its own words.

    `pool_bytes` is the device memory that its private pool held when the capture ended.
    """

    key: str
    nodes: tuple[Node, ...]
    capture_seconds: float
    pool_bytes: int | None
    replays: int = 0

    @property
    def census(self) -> dict[str, int]:
        """How many nodes there are of each kind, the most frequent first."""
        return dict(Counter(node.kind for node in self.nodes).most_common())
