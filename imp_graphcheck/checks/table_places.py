"""Where a graph may find addresses beside its own parameters: the small memory that its nodes read and none of them writes."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from imp_graphcheck.record.graph import GraphTrace, Node, Param, Pointer
from imp_graphcheck.record.memory import Allocation

WORD_BYTES = 8
MOST_BYTES = 64 << 10
"""Of one table: 8192 addresses."""
LARGEST_ALLOCATION = 1 << 20
"""Where nobody tells how far a kernel reads, only memory up to this size is looked into: no weights, no caches."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TablePlace:
    """Memory of `allocation` that a node reads. Two of them are never the same. `read_only`: every node that points into the allocation is known to
    read there; else some kernel has the address, and nobody knows what it does with it.
    """

    graph: GraphTrace
    node: Node
    param: Param
    allocation: Allocation
    address: int
    size_bytes: int
    read_only: bool


def table_places(
    graph: GraphTrace, memory: Mapping[int, Allocation], *, pools: Collection[str | None]
) -> tuple[TablePlace, ...]:
    """The smallest places first. `pools` are those of all graphs: what lies in there, replays write.

    What the graph itself writes is left out too: its content before a replay says nothing of what is read in it.
    """
    readable = {
        generation: allocation
        for generation, allocation in memory.items()
        if allocation.space == "device" and allocation.state == "live" and allocation.pool not in pools
    }
    uses: defaultdict[int, list[tuple[Node, Param, Pointer]]] = defaultdict(list)
    for node in graph.nodes:
        for param in node.params:
            for pointer in param.pointers:
                if pointer.generation in readable and pointer.confirmed is not False:
                    uses[pointer.generation].append((node, param, pointer))
    places = (
        place
        for generation, of_allocation in uses.items()
        for place in _places(graph, readable[generation], of_allocation)
    )
    return tuple(sorted(places, key=lambda place: place.size_bytes))


def _places(
    graph: GraphTrace, allocation: Allocation, uses: list[tuple[Node, Param, Pointer]]
) -> Iterator[TablePlace]:
    written = [
        (pointer.address, pointer.address + _reach(pointer, allocation))
        for _, _, pointer in uses
        if pointer.access in ("write", "readwrite")
    ]
    read_only = all(pointer.access != "unknown" for _, _, pointer in uses)
    seen = set()
    for node, param, pointer in uses:
        size = _readable_bytes(pointer, allocation)
        start, end = pointer.address, pointer.address + size
        overwritten = any(first < end and start < last for first, last in written)
        if not size or overwritten or (start, size) in seen:
            continue
        seen.add((start, size))
        yield TablePlace(
            graph=graph,
            node=node,
            param=param,
            allocation=allocation,
            address=start,
            size_bytes=size,
            read_only=read_only,
        )


def _reach(pointer: Pointer, allocation: Allocation) -> int:
    """How many bytes from the pointer on the node may touch."""
    rest = allocation.end - pointer.address
    return rest if pointer.span_bytes is None else min(rest, pointer.span_bytes)


def _readable_bytes(pointer: Pointer, allocation: Allocation) -> int:
    """How many bytes may be a table: whole words, none where it is no table by its size or place."""
    size = _reach(pointer, allocation)
    if pointer.address % WORD_BYTES or (size > MOST_BYTES and pointer.span_bytes is not None):
        return 0
    if pointer.span_bytes is None and allocation.size_bytes > LARGEST_ALLOCATION:
        return 0
    return max(0, min(size, MOST_BYTES)) // WORD_BYTES * WORD_BYTES
