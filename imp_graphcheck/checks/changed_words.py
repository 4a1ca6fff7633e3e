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
_DIGITS = 2 * _WORD
"""Of one word."""
_ADDRESS = 8

_Words = NDArray[np.uint32]
_Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ChangedWord:
    """A number that differs: the place of the node, that of the parameter, its offset, and both values in words.

    `around` are the numbers of eight bytes that it may be part of, each with where it begins among the words of the node:
    structs of four-byte fields are copied whole, with whatever lay in their gaps, at any word.
    """

    node: int
    param: int
    offset: int
    detail: str
    around: tuple[tuple[int, int, int], ...]


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
    layout = _Layout(base, other, *controls, *repeats)
    mine, theirs = layout.words(base), layout.words(other)
    unwritten: _Flags = np.zeros(len(mine), np.bool_)
    for control in controls:
        unwritten |= mine != layout.words(control)
    for repeat in repeats:
        unwritten |= theirs != layout.words(repeat)
    changed: _Flags = mine != theirs
    for graph in (base, other):
        pointers = layout.pointers(graph)
        changed[pointers] = unwritten[pointers] = False
    if unwritten.any():
        for same in layout.launched_alike(base):
            changed[same] &= ~unwritten[same].any(axis=0)
    return [
        word
        for place, part in layout.parts(changed)
        for word in _first(base.nodes[place], other.nodes[place], place, part, host_addresses)
    ]


class _Layout:
    """Where the words of each node lie in one array of all. The nodes are those whose parameters have the same sizes in
    all graphs, and these are the graphs that can be asked about.
    """

    def __init__(self, *graphs: GraphTrace) -> None:
        sizes = [_sizes(graph) for graph in graphs]
        self._places = [
            place
            for place, (mine, *theirs) in enumerate(zip(*sizes, strict=True))
            if mine and theirs.count(mine) == len(theirs)
        ]
        kept = [sizes[0][place] for place in self._places]
        digits = np.array([size for of_node in kept for size in of_node], np.intp)
        self._are_whole = not bool((digits % _DIGITS).any())
        self._lengths = -(-digits // _DIGITS)
        ends = np.cumsum(self._lengths)
        self._starts = ends - self._lengths
        last = np.cumsum([len(of_node) for of_node in kept], dtype=np.intp) - 1
        self._node_ends: NDArray[np.intp] = ends[last]
        self._node_starts = np.concatenate(([0], self._node_ends))[: len(self._node_ends)]

    def words(self, graph: GraphTrace) -> _Words:
        """All words, each parameter filled up to whole ones."""
        data = [param.data for param in self._params(graph)]
        if not self._are_whole:
            lengths = (self._lengths * _DIGITS).tolist()
            data = [digits.ljust(length, "0") for digits, length in zip(data, lengths, strict=True)]
        return np.frombuffer(bytes.fromhex("".join(data)), np.uint32)

    def pointers(self, graph: GraphTrace) -> NDArray[np.intp]:
        """The positions of the words that addresses take."""
        found = [
            (index, pointer.offset)
            for index, param in enumerate(self._params(graph))
            for pointer in param.pointers
        ]
        if not found:
            return np.empty(0, np.intp)
        index, offset = np.array(found, np.intp).T
        first = self._starts[index] + offset // _WORD
        return np.concatenate((first, np.minimum(first + 1, self._starts[index] + self._lengths[index] - 1)))

    def launched_alike(self, graph: GraphTrace) -> Iterator[NDArray[np.intp]]:
        """For each kernel and geometry the positions of all nodes that have them, one row for each node."""
        groups: defaultdict[tuple[object, ...], list[int]] = defaultdict(list)
        lengths = (self._node_ends - self._node_starts).tolist()
        for index, (place, length) in enumerate(zip(self._places, lengths, strict=True)):
            node = graph.nodes[place]
            groups[node.kind, node.name, node.grid, node.block, length].append(index)
        for indices in groups.values():
            yield self._node_starts[indices][:, None] + np.arange(lengths[indices[0]])

    def parts(self, flags: _Flags) -> Iterator[tuple[int, _Flags]]:
        """The places of the nodes that have a flag, each with its own flags."""
        (where,) = np.nonzero(flags)
        for index in np.unique(np.searchsorted(self._node_ends, where, "right")).tolist():
            yield self._places[index], flags[self._node_starts[index] : self._node_ends[index]]

    def _params(self, graph: GraphTrace) -> Iterator[Param]:
        return (param for place in self._places for param in graph.nodes[place].params)


def _sizes(graph: GraphTrace) -> list[list[int]]:
    return [[len(param.data) for param in node.params] for node in graph.nodes]


def _words_in(data: str) -> int:
    return -(-len(data) // _DIGITS)


def _first(
    mine: Node, theirs: Node, place: int, changed: _Flags, host_addresses: Container[int]
) -> Iterator[ChangedWord]:
    """The first number of a node that is no address of the host, if there is one."""
    while changed.any():
        word = _changed(mine, theirs, place, changed)
        at = next(
            (at for at, *values in word.around if any(value in host_addresses for value in values)), None
        )
        if at is None:
            yield word
            return
        changed[at : at + _ADDRESS // _WORD] = False


def _changed(mine: Node, theirs: Node, place: int, changed: _Flags) -> ChangedWord:
    """The first number of a node that holds a word of `changed`: eight bytes where both halves do, or there is no more."""
    index, begin, word = 0, 0, int(changed.argmax())
    while word >= (length := _words_in(mine.params[index].data)):
        changed = changed[length:]
        index, begin, word = index + 1, begin + length, int(changed.argmax())
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
    around = tuple(
        (begin + at, _number_at(before, at * _WORD), _number_at(after, at * _WORD))
        for at in dict.fromkeys((halves.start, word, word - 1))
        if at >= 0
    )
    detail = f"{mine.params[index].name} {old} -> {new}"
    return ChangedWord(place, index, start, detail, around)


def _number_at(data: bytes, offset: int) -> int:
    """Eight bytes, or as many as there are left."""
    return int.from_bytes(data[offset : offset + _ADDRESS], "little")
