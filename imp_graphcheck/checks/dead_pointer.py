"""Which argument of a node was its death, where the device named the node alone."""

from collections.abc import Mapping
from typing import NamedTuple

from imp_graphcheck.record.graph import GraphTrace, Node, Param, Pointer
from imp_graphcheck.record.memory import Allocation

_WORST_FIRST = {"unmapped": 0, "freed": 1}


class DeadPointer(NamedTuple):
    """An argument that points into memory which was given back."""

    param: Param
    pointer: Pointer
    allocation: Allocation


def dead_pointer(trace: GraphTrace, node: Node, memory: Mapping[int, Allocation]) -> DeadPointer | None:
    """The argument of `node` that a fault can be put down to: one into unmapped memory before one into freed memory.

    Memory of the graph's own pool is free after the capture, and mapped as long as the graph lives.
    """
    found = [
        DeadPointer(param, pointer, allocation)
        for param in node.params
        for pointer in param.pointers
        if pointer.generation is not None
        and pointer.confirmed is not False
        and (allocation := memory.get(pointer.generation)) is not None
        and allocation.state in _WORST_FIRST
        and allocation.pool != trace.pool
    ]
    return min(found, key=lambda each: _WORST_FIRST[each.allocation.state], default=None)
