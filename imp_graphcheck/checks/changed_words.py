"""Which numbers in the parameters of one graph another call of its key would have had different.

All parameters of a graph are compared at once, four bytes at a time: the padding of a struct, which is whatever lay
there, may be the other half of the word that holds a number.
"""

from collections import defaultdict
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imp_graphcheck.record.graph import GraphTrace, Node, Param
from imp_graphcheck.record.word import number_of

_WORD = 4
_ADDRESS = 8

_Words = NDArray[np.uint32]
_Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ChangedWord:
    """A number that differs: the place of the node, that of the parameter, its offset, and both values in words.

    `around` are the eight bytes of both that it is part of, `position` where they begin among the words of the node.
    """

    node: int
    param: int
    offset: int
    detail: str
    around: tuple[int, int]
    position: int


def changed_words(
    base: GraphTrace,
    other: GraphTrace,
    *,
    controls: Sequence[GraphTrace] = (),
    repeats: Sequence[GraphTrace] = (),
    host_addresses: Container[int] = (),
) -> list[ChangedWord]:
    """The first word of each node, pointers aside, that differs between `base` and `other`, graphs of the same nodes.

    What differs between `base` and one of `controls`, or between `other` and one of `repeats`, is left out, in this node
    and in all others that launch the same kernel in the same way: nobody wrote that word. So is what is one of
    `host_addresses` on either side, and so are nodes whose parameters are not of the same sizes everywhere.
    """
    places = _same_sizes(base, other, *controls, *repeats)
    mine, theirs = _words(base, places), _words(other, places)
    unwritten: _Flags = np.zeros(len(mine), np.bool_)
    for control in controls:
        unwritten |= mine != _words(control, places)
    for repeat in repeats:
        unwritten |= theirs != _words(repeat, places)
    changed: _Flags = mine != theirs
    for graph in (base, other):
        pointers = _pointer_words(graph, places)
        changed[pointers] = unwritten[pointers] = False
    for same in _launched_alike(base, places):
        changed[same] &= ~unwritten[same].any(axis=0)
    return list(_first_of_each_node(base, other, places, changed, host_addresses))


def _launched_alike(graph: GraphTrace, places: Sequence[int]) -> list[NDArray[np.intp]]:
    """For each kernel and geometry the positions of the words of all nodes that have them, one row for each node."""
    groups: defaultdict[tuple[object, ...], list[NDArray[np.intp]]] = defaultdict(list)
    start = 0
    for place in places:
        node = graph.nodes[place]
        end = start + sum(map(_length, node.params))
        groups[node.kind, node.name, node.grid, node.block, end - start].append(np.arange(start, end))
        start = end
    return [np.stack(rows) for rows in groups.values()]


def _first_of_each_node(
    base: GraphTrace,
    other: GraphTrace,
    places: Sequence[int],
    changed: _Flags,
    host_addresses: Container[int],
) -> Iterator[ChangedWord]:
    start = 0
    for place in places:
        node = base.nodes[place]
        end = start + sum(map(_length, node.params))
        flags = changed[start:end]
        while flags.any():
            word = _changed(node, other.nodes[place], place, flags)
            if not any(value in host_addresses for value in word.around):
                yield word
                break
            flags[word.position : word.position + _ADDRESS // _WORD] = False
        start = end


def _same_sizes(base: GraphTrace, *others: GraphTrace) -> list[int]:
    """The places of the nodes whose parameters have the same sizes in all graphs."""
    return [
        place
        for place, nodes in enumerate(zip(base.nodes, *(other.nodes for other in others), strict=True))
        if nodes[0].params and len({_sizes(node) for node in nodes}) == 1
    ]


def _sizes(node: Node) -> tuple[int, ...]:
    return tuple([len(param.data) for param in node.params])


def _length(param: Param) -> int:
    """In words."""
    return -(-len(param.data) // (2 * _WORD))


def _words(graph: GraphTrace, places: Sequence[int]) -> _Words:
    padded = [
        param.data.ljust(2 * _WORD * _length(param), "0")
        for place in places
        for param in graph.nodes[place].params
    ]
    return np.frombuffer(bytes.fromhex("".join(padded)), np.uint32)


def _pointer_words(graph: GraphTrace, places: Sequence[int]) -> list[int]:
    """The positions of the words that addresses take."""
    found: list[int] = []
    start = 0
    for place in places:
        for param in graph.nodes[place].params:
            length = _length(param)
            for pointer in param.pointers:
                first = pointer.offset // _WORD
                found.extend(range(start + first, start + min(first + _ADDRESS // _WORD, length)))
            start += length
    return found


def _changed(mine: Node, theirs: Node, place: int, changed: _Flags) -> ChangedWord:
    """The first number of a node that holds a word of `changed`: eight bytes where both halves do, or there is no more."""
    index, begin, word = 0, 0, int(changed.argmax())
    while word >= _length(mine.params[index]):
        begin += _length(mine.params[index])
        changed = changed[_length(mine.params[index]) :]
        index, word = index + 1, int(changed.argmax())
    before, after = (bytes.fromhex(each.params[index].data) for each in (mine, theirs))
    start, width = word * _WORD, _WORD if len(before) % _WORD == 0 else 1
    halves = slice(word // 2 * 2, word // 2 * 2 + 2)
    same = np.frombuffer(before, np.uint8) == np.frombuffer(after, np.uint8)
    alone = len(before) == _ADDRESS and bool(np.all(same.reshape(2, _WORD).all(axis=1) | changed[:2]))
    if len(before) % _ADDRESS == 0 and (alone or bool(changed[halves].all())):
        start, width = halves.start * _WORD, _ADDRESS
    if width == 1:
        start += int(same[start:].argmin())
    old, new = (number_of(data[start : start + width]) for data in (before, after))
    pair = halves.start * _WORD
    around = tuple(int.from_bytes(data[pair : pair + _ADDRESS], "little") for data in (before, after))
    detail = f"{mine.params[index].name} {old} -> {new}"
    return ChangedWord(place, index, start, detail, (around[0], around[1]), begin + halves.start)
