"""Which words of a graph are addresses, and which only look like one.

A number in a parameter, or what an earlier call left in the padding of a struct, may lie in somebody's memory by
chance. Two captures of the same call with memory of their own settle it: an address moves with its allocation, and a
number does not.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from operator import is_

from msgspec.structs import replace

from imp_graphcheck.record.graph import GraphTrace, Node, Param, Pointer
from imp_graphcheck.record.memory import Allocation

Place = tuple[int, int, int]
"""Index of the node, place of the parameter, offset in it."""


def confirm(base: GraphTrace, other: GraphTrace, memory: Mapping[int, Allocation]) -> GraphTrace:
    """`base` with the pointers judged by `other`, a second capture of the same call while the memory of the first lived.

    True: the word points at the same place of the allocation that takes the part of the first one there. False: it
    points elsewhere, or at nothing. It stays as it was where `other` does not tell: both have the same address in the
    same allocation (shared by the two captures, as weights are, it would not move either way), nobody knows whose it
    is, or the nodes are not the same.
    """
    theirs = dict(_pointers(other))
    mine = dict(_pointers(base))
    alike = _alike(base, other)
    judge = _Judge(theirs, _partners(mine, theirs, alike, memory))
    return replace(
        base, nodes=tuple(judge.node(node) if node.index in alike else node for node in base.nodes)
    )


def _pointers(graph: GraphTrace) -> Iterator[tuple[Place, Pointer]]:
    for node in graph.nodes:
        for place, param in enumerate(node.params):
            for pointer in param.pointers:
                yield (node.index, place, pointer.offset), pointer


def _alike(base: GraphTrace, other: GraphTrace) -> frozenset[int]:
    """Nodes that are the same in both: same kernel, same parameters but for what is in them."""
    return frozenset(
        mine.index
        for mine, theirs in zip(base.nodes, other.nodes, strict=False)
        if _shape(mine) == _shape(theirs)
    )


def _shape(node: Node) -> tuple[object, ...]:
    return (node.index, node.kind, node.name, tuple((param.name, len(param.data)) for param in node.params))


def _partners(
    mine: Mapping[Place, Pointer],
    theirs: Mapping[Place, Pointer],
    alike: frozenset[int],
    memory: Mapping[int, Allocation],
) -> dict[int, int]:
    """Which allocation of the second capture takes the part of each of the first: the one met most often.

    A stray word meets its like once or twice; a tensor is passed to kernels again and again.
    """
    met: Counter[tuple[int, int]] = Counter()
    for place, pointer in mine.items():
        twin = theirs.get(place)
        if place[0] not in alike or twin is None or pointer.generation is None or twin.generation is None:
            continue
        if pointer.displacement == twin.displacement and _fit(pointer.generation, twin.generation, memory):
            met[pointer.generation, twin.generation] += 1
    partners: dict[int, int] = {}
    for first, second in sorted(met, key=lambda pair: (-met[pair], pair)):
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

    def __init__(self, theirs: Mapping[Place, Pointer], partners: Mapping[int, int]) -> None:
        self._theirs = theirs
        self._partners = partners
        self._made: dict[tuple[int, bool], Pointer] = {}
        """By the identity of the pointer that was judged, which its graph keeps alive."""

    def node(self, node: Node) -> Node:
        params = tuple(
            [
                self._param(param, node.index, place) if param.pointers else param
                for place, param in enumerate(node.params)
            ]
        )
        return node if all(map(is_, params, node.params)) else replace(node, params=params)

    def _param(self, param: Param, index: int, place: int) -> Param:
        pointers = tuple(
            [self._judged(pointer, (index, place, pointer.offset)) for pointer in param.pointers]
        )
        if all(map(is_, pointers, param.pointers)):
            return param
        return Param(name=param.name, data=param.data, pointers=pointers)

    def _judged(self, pointer: Pointer, at: Place) -> Pointer:
        confirmed = self._confirmed(pointer, self._theirs.get(at))
        if confirmed is pointer.confirmed or confirmed is None:
            return pointer
        key = (id(pointer), confirmed)
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = replace(pointer, confirmed=confirmed)
        return made

    def _confirmed(self, pointer: Pointer, twin: Pointer | None) -> bool | None:
        if pointer.confirmed is not None or pointer.generation is None:
            return pointer.confirmed
        if twin is None:
            return False
        if twin.generation is None or (twin.generation, twin.address) == (
            pointer.generation,
            pointer.address,
        ):
            return None
        return (
            twin.displacement == pointer.displacement
            and self._partners.get(pointer.generation) == twin.generation
        )
