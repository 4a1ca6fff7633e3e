"""Nodes joined with the memory behind their pointers: who owns it, under which name, and whether it is still there.

for touch in touches(graph, memory_of(run)):
    print(touch.node.index, touch.pointer.access, owner(touch.allocation))
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from imp_graphcheck.record.graph import GraphTrace, Node, Param, Pointer
from imp_graphcheck.record.memory import DEFAULT_POOL, Allocation
from imp_graphcheck.record.run import Run
from imp_reports.text import place

Memory = Mapping[int, Allocation]
Standing = Literal["live", "freed", "unmapped", "own pool", "other pool", "unknown"]
"""What a reader must know of memory that a graph points at: a transient of the graph's own pool is freed by design."""

DEAD: tuple[Standing, ...] = ("freed", "unmapped")

_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Touch:
    """One pointer of one node. `allocation` is None where nobody knows whose the address is."""

    node: Node
    param: Param
    pointer: Pointer
    allocation: Allocation | None
    standing: Standing

    @property
    def writes(self) -> bool:
        """Whether the node is known to write there."""
        return self.pointer.access in ("write", "readwrite")


def memory_of(run: Run) -> dict[int, Allocation]:
    """The allocations of `run` by generation."""
    return {allocation.generation: allocation for allocation in run.memory}


def touches(graph: GraphTrace, memory: Memory) -> Iterator[Touch]:
    """Every pointer of every node, in launch order. What a second capture showed to be a number is none."""
    for node in graph.nodes:
        yield from touches_of(node, graph, memory)


def touches_of(node: Node, graph: GraphTrace, memory: Memory) -> Iterator[Touch]:
    """The pointers of one node."""
    for param in node.params:
        for pointer in param.pointers:
            if pointer.confirmed is False:
                continue
            allocation = None if pointer.generation is None else memory.get(pointer.generation)
            yield Touch(node, param, pointer, allocation, standing(allocation, graph))


def standing(allocation: Allocation | None, graph: GraphTrace) -> Standing:
    """What has become of `allocation`, as `graph` must see it."""
    if allocation is None:
        return "unknown"
    if allocation.pool == graph.pool:
        return "own pool"
    if allocation.state != "live":
        return allocation.state
    return "live" if allocation.pool == DEFAULT_POOL or allocation.space != "device" else "other pool"


def owner(allocation: Allocation | None) -> str:
    """The shortest name that the program has for it, or else the line that allocated it."""
    if allocation is None:
        return "memory that nobody knows"
    if allocation.names:
        return min(allocation.names, key=len)
    if allocation.allocation_site is not None:
        return f"from {place(allocation.allocation_site)}"
    return f"{allocation.size_bytes} bytes, allocated out of sight"


def family(name: str) -> str:
    """`name` without its numbers, so that the same tensor of every layer has one."""
    return _DIGITS.sub("*", name)
