"""Which node touches which memory, as marks: nodes in launch order from left to right, memory from top to bottom.

Memory from outside the graph has one row per owner, the dead first; owners that differ in their numbers only (the same
weight of every layer) share one. Memory of the graph's own pool is drawn by address, because it is handed out again and again.
"""

from collections import defaultdict
from dataclasses import dataclass, field

from imp_graphcheck.record.graph import GraphTrace
from imp_graphcheck.record.memory import Allocation
from imp_reports.ownership import DEAD, Memory, Standing, Touch, family, owner, touches
from imp_reports.text import count, place, size

MAX_COLUMNS = 2000
"""Beyond this many nodes, neighbours share a column."""
MAX_ROWS = 48
MAX_LANES = 160

_READ, _WRITE = "4v6", "0v10"
_REMARKS: dict[Standing, str] = {
    "freed": "freed",
    "unmapped": "not mapped",
    "other pool": "pool of another graph",
    "unknown": "owner unknown",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One owner. `reads` and `writes` are SVG paths."""

    label: str
    remark: str
    dead: bool
    allocations: int
    bytes: str
    nodes: int
    first_node: int
    site: str
    reads: str
    writes: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Transients of the graph: when each lived, and where it was written."""

    height: int
    allocations: int
    places: int
    lives: str
    writes: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryMap:
    """`columns` is the width; one unit is `nodes_per_column` nodes."""

    columns: int
    nodes_per_column: int
    rows: tuple[Row, ...]
    rows_left_out: int
    pool: Pool | None


@dataclass(slots=True)
class _Owner:
    label: str
    standing: Standing
    generations: dict[int, Allocation] = field(default_factory=dict)
    read_at: set[int] = field(default_factory=set)
    written_at: set[int] = field(default_factory=set)
    labels: set[str] = field(default_factory=set)

    def add(self, touch: Touch) -> None:
        if touch.allocation is not None:
            self.generations[touch.allocation.generation] = touch.allocation
        (self.written_at if touch.writes else self.read_at).add(touch.node.index)

    @property
    def order(self) -> tuple[bool, int]:
        return (self.standing not in DEAD, min(self.read_at | self.written_at))

    def row(self, step: int) -> Row:
        allocations = tuple(self.generations.values())
        named = next(iter(self.labels)) if len(self.labels) == 1 else self.label
        sites = {place(a.allocation_site): None for a in allocations if a.allocation_site is not None}
        written = {node // step for node in self.written_at}
        read = {node // step for node in self.read_at} - written
        return Row(
            label=named,
            remark=_REMARKS.get(self.standing, ""),
            dead=self.standing in DEAD,
            allocations=len(allocations),
            bytes=size(sum(a.size_bytes for a in allocations)) if allocations else "",
            nodes=len(self.read_at | self.written_at),
            first_node=min(self.read_at | self.written_at),
            site=", ".join(list(sites)[:3])
            + (f" and {count(len(sites) - 3, 'line')} more" if len(sites) > 3 else ""),
            reads=_marks(read, _READ),
            writes=_marks(written, _WRITE),
        )


def memory_map(graph: GraphTrace, memory: Memory) -> MemoryMap | None:
    """The map of `graph`, or None if no argument of it was read."""
    owners: dict[tuple[Standing, str], _Owner] = {}
    own: list[Touch] = []
    for touch in touches(graph, memory):
        if touch.standing == "own pool":
            own.append(touch)
            continue
        label = owner(touch.allocation)
        key = (touch.standing, family(label))
        held = owners.setdefault(key, _Owner(family(label), touch.standing))
        held.labels.add(label)
        held.add(touch)
    if not owners and not own:
        return None
    step = -(-len(graph.nodes) // MAX_COLUMNS)
    ordered = sorted(owners.values(), key=lambda one: one.order)
    return MemoryMap(
        columns=-(-len(graph.nodes) // step),
        nodes_per_column=step,
        rows=tuple(one.row(step) for one in ordered[:MAX_ROWS]),
        rows_left_out=max(0, len(ordered) - MAX_ROWS),
        pool=_pool(own, step) if own else None,
    )


def _pool(own: list[Touch], step: int) -> Pool:
    """Lanes are the addresses that were handed out, in order; too many share lanes with their neighbours."""
    addresses = sorted({touch.allocation.address for touch in own if touch.allocation is not None})
    per_lane = -(-len(addresses) // MAX_LANES)
    lane = {address: number // per_lane for number, address in enumerate(addresses)}
    spans: defaultdict[int, list[int]] = defaultdict(list)
    written: set[tuple[int, int]] = set()
    at: dict[int, int] = {}
    for touch in own:
        if touch.allocation is None:
            continue
        column, generation = touch.node.index // step, touch.allocation.generation
        at[generation] = lane[touch.allocation.address]
        spans[generation].append(column)
        if touch.writes:
            written.add((column, at[generation]))
    lives = {(min(columns), max(columns), at[generation]) for generation, columns in spans.items()}
    return Pool(
        height=max(lane.values()) + 1,
        allocations=len(spans),
        places=len(addresses),
        lives="".join(f"M{first} {row}.5h{last - first + 1}" for first, last, row in sorted(lives)),
        writes="".join(f"M{column} {row}.5h1" for column, row in sorted(written)),
    )


def _marks(columns: set[int], shape: str) -> str:
    return "".join(f"M{column} {shape}" for column in sorted(columns))
