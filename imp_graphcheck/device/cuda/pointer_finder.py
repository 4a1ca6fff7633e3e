"""Which of the words in a graph's parameters are addresses, and whose.

Every 8-byte word at a multiple of 8 from the start of a parameter is looked at, so addresses inside structs by value
and in packed buffers are found, and one that a kernel takes in two halves of 4 bytes is not. A number that happens to
lie in somebody's memory is found as well: a second capture tells the two apart (`checks.confirm`).
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from imp_graphcheck.device.cuda.address_map import Addresses
from imp_graphcheck.device.cuda.driver_memory import DriverMemory
from imp_graphcheck.device.cuda.journal import Journal
from imp_graphcheck.device.cuda.life import Life
from imp_graphcheck.device.cuda.raw_node import RawNode, RawParam
from imp_graphcheck.record.graph import Pointer

WORD = 8

_LEAST, _MOST = 1 << 32, 1 << 57
"""No driver maps memory for a device outside of these."""

MarkOfNode = Callable[[int], int | None]
"""The first mark after a node, by its place in the order of creation."""

Found = dict[tuple[int, int], tuple[Pointer, ...]]
"""The pointers of each parameter that has some, by index of the node and place of the parameter."""


class PointerFinder:
    """Finds the pointers of one graph. An address belongs to whoever had it last before the first mark after its
    node; where no mark was made, to whoever had it last of all.
    """

    def __init__(self, journal: Journal, driver_memory: DriverMemory, mark_of_node: MarkOfNode) -> None:
        self._addresses = journal.addresses
        self._driver_memory = driver_memory
        self._mark_of_node = mark_of_node
        self._unknown: set[int] = set()
        self._own: list[range] = []

    def find(self, nodes: Sequence[RawNode]) -> Found:
        """The pointers of all nodes."""
        # What alloc nodes of the graph allocate is virtual until a launch, and no life that could end before it.
        self._own = [_allocated(node) for node in nodes if node.kind == "alloc" and node.params]
        params = [(node, place) for node in nodes for place in range(len(node.params))]
        found: Found = {}
        for index, pointers in self._by_param(params):
            node, place = params[index]
            found[node.index, place] = tuple(pointers)
        return found

    def _by_param(self, params: list[tuple[RawNode, int]]) -> Iterator[tuple[int, list[Pointer]]]:
        """Parameters with pointers: their position in `params`, ascending, and the pointers."""
        current = -1
        pointers: list[Pointer] = []
        for index, offset, address, place in _words(params, self._addresses.locate):
            node, at = params[index]
            pointer = self._pointer(node, node.params[at], offset, address, place)
            if pointer is None:
                continue
            if index != current and pointers:
                yield current, pointers
                pointers = []
            current = index
            pointers.append(pointer)
        if pointers:
            yield current, pointers

    def _pointer(
        self, node: RawNode, param: RawParam, offset: int, address: int, place: int
    ) -> Pointer | None:
        life = self._owner(node, param, address, place)
        if life is None and not param.is_address and not any(address in own for own in self._own):
            return None
        return Pointer(
            offset=offset,
            address=address,
            generation=None if life is None else life.generation,
            displacement=0 if life is None else address - life.address,
            span_bytes=param.span_bytes,
            access=param.access,
        )

    def _owner(self, node: RawNode, param: RawParam, address: int, place: int) -> Life | None:
        before = self._mark_of_node(node.created)
        if place >= 0:
            return self._addresses.owner(place, address, before)
        if address in self._unknown or any(address in own for own in self._own):
            return None
        life = self._driver_memory.owner(address, before)
        if life is None and param.is_address and _is_host(node, param):
            return self._driver_memory.pageable(address, param.span_bytes or 0)
        if life is None:
            self._unknown.add(address)
        return life


def _words(
    params: list[tuple[RawNode, int]], locate: Callable[[Addresses], "np.typing.NDArray[np.intp]"]
) -> Iterator[tuple[int, int, int, int]]:
    """Words that may be addresses: position in `params`, offset in the parameter, value, and place in the map."""
    data = [node.params[place].data for node, place in params]
    counts = np.fromiter((len(each) // WORD for each in data), np.intp, len(data))
    words = np.frombuffer(b"".join([each[: len(each) // WORD * WORD] for each in data]), "<u8")
    (where,) = np.nonzero((words >= _LEAST) & (words < _MOST))
    values = words[where]
    owner = np.repeat(np.arange(len(data)), counts)[where]
    first = np.cumsum(counts) - counts
    offsets = (where - first[owner]) * WORD if len(data) else where
    return zip(owner.tolist(), offsets.tolist(), values.tolist(), locate(values).tolist(), strict=True)


def _allocated(node: RawNode) -> range:
    start = int.from_bytes(node.params[0].data, "little")
    return range(start, start + (node.size_bytes or 0))


def _is_host(node: RawNode, param: RawParam) -> bool:
    """Whether an end of a copy is the host's."""
    side = {"source": 0, "target": 2}.get(param.name)
    return side is not None and node.direction is not None and node.direction[side] == "h"
