"""Which numbers in the parameters of one graph another call of its key would have had different.

All parameters of a graph are compared at once, four bytes at a time: the padding of a struct, which is whatever lay
there, may be the other half of the word that holds a number.
"""

from collections import defaultdict
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from imp_graphcheck.record.graph import GraphTrace, Node
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
    layout = _Layout(base, places)
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
    for same in layout.launched_alike(base):
        changed[same] &= ~unwritten[same].any(axis=0)
    return [
        word
        for place, start, end in zip(places, layout.starts, layout.ends, strict=True)
        if changed[start:end].any()
        for word in _first(base.nodes[place], other.nodes[place], place, changed[start:end], host_addresses)
    ]


class _Layout:
    """Where the words of each node lie in one array of all; `starts` and `ends` are by node.

    All graphs that are asked about have parameters of the sizes of the first.
    """

    def __init__(self, graph: GraphTrace, places: Sequence[int]) -> None:
        self._places = places
        self._lengths = [[_words_in(param.data) for param in graph.nodes[place].params] for place in places]
        self.ends = list(accumulate(map(sum, self._lengths)))
        self.starts = [0, *self.ends][: len(self.ends)]

    def words(self, graph: GraphTrace) -> _Words:
        """All words, each parameter filled up to whole ones."""
        padded = [
            param.data.ljust(2 * _WORD * length, "0")
            for place, lengths in zip(self._places, self._lengths, strict=True)
            for param, length in zip(graph.nodes[place].params, lengths, strict=True)
        ]
        return np.frombuffer(bytes.fromhex("".join(padded)), np.uint32)

    def pointers(self, graph: GraphTrace) -> NDArray[np.intp]:
        """The positions of the words that addresses take."""
        found: list[int] = []
        for place, lengths, start in zip(self._places, self._lengths, self.starts, strict=True):
            for param, length in zip(graph.nodes[place].params, lengths, strict=True):
                for pointer in param.pointers:
                    first = start + pointer.offset // _WORD
                    found.append(first)
                    found.append(min(first + 1, start + length - 1))
                start += length
        return np.array(found, np.intp)

    def launched_alike(self, graph: GraphTrace) -> Iterator[NDArray[np.intp]]:
        """For each kernel and geometry the positions of all nodes that have them, one row for each node."""
        groups: defaultdict[tuple[object, ...], list[int]] = defaultdict(list)
        for index, place in enumerate(self._places):
            node = graph.nodes[place]
            groups[node.kind, node.name, node.grid, node.block, self.ends[index] - self.starts[index]].append(
                index
            )
        for indices in groups.values():
            length = self.ends[indices[0]] - self.starts[indices[0]]
            starts = np.array([self.starts[index] for index in indices], np.intp)
            yield starts[:, None] + np.arange(length)


def _same_sizes(base: GraphTrace, *others: GraphTrace) -> list[int]:
    """The places of the nodes whose parameters have the same sizes in all graphs."""
    return [
        place
        for place, nodes in enumerate(zip(base.nodes, *(other.nodes for other in others), strict=True))
        if nodes[0].params and len({_sizes(node) for node in nodes}) == 1
    ]


def _sizes(node: Node) -> tuple[int, ...]:
    return tuple([len(param.data) for param in node.params])


def _words_in(data: str) -> int:
    return -(-len(data) // (2 * _WORD))


def _first(
    mine: Node, theirs: Node, place: int, changed: _Flags, host_addresses: Container[int]
) -> Iterator[ChangedWord]:
    """The first number of a node that is no address of the host, if there is one."""
    while changed.any():
        word = _changed(mine, theirs, place, changed)
        if not any(value in host_addresses for value in word.around):
            yield word
            return
        changed[word.position : word.position + _ADDRESS // _WORD] = False


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
    pair = halves.start * _WORD
    around = tuple(int.from_bytes(data[pair : pair + _ADDRESS], "little") for data in (before, after))
    detail = f"{mine.params[index].name} {old} -> {new}"
    return ChangedWord(place, index, start, detail, (around[0], around[1]), begin + halves.start)
