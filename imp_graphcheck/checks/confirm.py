"""Which words of a graph are addresses, and which only look like one.

A number in a parameter, or what an earlier call left in the padding of a struct, may lie in somebody's memory by
chance. Two captures of the same call with memory of their own settle it: an address moves with its allocation, and a
number does not.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from operator import is_

from msgspec.structs import replace

from imp_graphcheck.checks.twins import twins
from imp_graphcheck.record.graph import GraphTrace, Node, Param, Pointer
from imp_graphcheck.record.memory import Allocation

_Pairs = Sequence[tuple[Node, Node]]


def confirm(base: GraphTrace, other: GraphTrace, memory: Mapping[int, Allocation]) -> GraphTrace:
    """`base` with the pointers judged by `other`, a second capture of the same call while the memory of the first lived.

    True: the word points at the same place of the allocation that takes the part of the first one there. False: it
    points elsewhere, or at nothing. It stays as it was where `other` does not tell: both have the same address in the
    same allocation (shared by the two captures, as weights are, it would not move either way), nobody knows whose it
    is, or the nodes are not the same.
    """
    if not any(
        _is_open(pointer) for node in base.nodes for param in node.params for pointer in param.pointers
    ):
        return base
    pairs = [pair for pair in zip(base.nodes, other.nodes, strict=False) if _are_alike(*pair)]
    judge = _Judge(_partners(pairs, memory))
    judged = {mine.index: judge.node(mine, theirs) for mine, theirs in pairs}
    return replace(base, nodes=tuple([judged.get(node.index, node) for node in base.nodes]))


def _is_open(pointer: Pointer) -> bool:
    """Whether it is still to be said if the word is an address."""
    return pointer.confirmed is None and pointer.generation is not None


def _are_alike(mine: Node, theirs: Node) -> bool:
    """Whether two nodes are the same: same kernel, same parameters but for what is in them."""
    if (mine.index, mine.kind, mine.name) != (theirs.index, theirs.kind, theirs.name):
        return False
    return [(param.name, len(param.data)) for param in mine.params] == [
        (param.name, len(param.data)) for param in theirs.params
    ]


def _partners(pairs: _Pairs, memory: Mapping[int, Allocation]) -> dict[int, int]:
    """Which allocation of the second capture takes the part of each of the first: the one met most often.

    A stray word meets its like once or twice; a tensor is passed to kernels again and again.
    """
    met = Counter(
        [
            (pointer.generation, twin.generation)
            for mine, theirs in pairs
            for param, other in zip(mine.params, theirs.params, strict=True)
            if param.pointers and other.pointers
            for pointer, twin in twins(param, other)
            if twin is not None and pointer.displacement == twin.displacement
        ]
    )
    known = {
        (first, second): times
        for (first, second), times in met.items()
        if first is not None and second is not None and _fit(first, second, memory)
    }
    partners: dict[int, int] = {}
    for first, second in sorted(known, key=lambda pair: (-known[pair], pair)):
        partners.setdefault(first, second)
    return partners


def _fit(first: int, second: int, memory: Mapping[int, Allocation]) -> bool:
    """Whether two allocations can take each other's part, as far as they are known."""
    if first not in memory or second not in memory:
        return True
    return (memory[first].size_bytes, memory[first].space) == (
        memory[second].size_bytes,
        memory[second].space,
    )


class _Judge:
    """Puts what is known of each pointer into the nodes. Equal pointers, of which graphs hold thousands, stay one object."""

    def __init__(self, partners: Mapping[int, int]) -> None:
        self._partners = partners
        self._made: dict[tuple[int, bool], Pointer] = {}
        """By the identity of the pointer that was judged, which its graph keeps alive."""

    def node(self, mine: Node, theirs: Node) -> Node:
        params = tuple(
            [
                self._param(param, other) if param.pointers else param
                for param, other in zip(mine.params, theirs.params, strict=True)
            ]
        )
        return mine if all(map(is_, params, mine.params)) else replace(mine, params=params)

    def _param(self, param: Param, other: Param) -> Param:
        pointers = tuple([self._judged(pointer, twin) for pointer, twin in twins(param, other)])
        if all(map(is_, pointers, param.pointers)):
            return param
        return Param(name=param.name, data=param.data, pointers=pointers)

    def _judged(self, pointer: Pointer, twin: Pointer | None) -> Pointer:
        confirmed = self._confirmed(pointer, twin) if _is_open(pointer) else None
        if confirmed is None:
            return pointer
        key = (id(pointer), confirmed)
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = replace(pointer, confirmed=confirmed)
        return made

    def _confirmed(self, pointer: Pointer, twin: Pointer | None) -> bool | None:
        if twin is None:
            return False
        if twin.generation is None:
            return None
        if twin.generation == pointer.generation and twin.address == pointer.address:
            return None
        return (
            twin.displacement == pointer.displacement
            and self._partners.get(pointer.generation or 0) == twin.generation
        )
