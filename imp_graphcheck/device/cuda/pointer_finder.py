"""Which of the words in a graph's parameters are addresses, and whose.

Every 8-byte word at a multiple of 8 from the start of a parameter is looked at, so addresses inside structs by value
and in packed buffers are found, and one that a kernel takes in two halves of 4 bytes is not. A number that happens to
lie in somebody's memory is found as well: a second capture tells the two apart (`checks.confirm`).
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from imp_graphcheck.device.cuda.address_map import Addresses
from imp_graphcheck.device.cuda.driver_memory import DriverMemory
from imp_graphcheck.device.cuda.graph_driver import Region
from imp_graphcheck.device.cuda.journal import Journal
from imp_graphcheck.device.cuda.life import Life
from imp_graphcheck.device.cuda.raw_node import RawNode, RawParam
from imp_graphcheck.record.graph import Access, Pointer

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
        self._regions: dict[int, Region | None] = {}
        """What the driver said of addresses that torch does not know. Most are numbers."""
        self._own: list[range] = []
        self._marks: dict[int, int | None] = {}
        self._made: dict[tuple[int, int, Life | None, Access, int | None], Pointer] = {}
        """Kernels are given the same buffers again and again."""

    def find(self, nodes: Sequence[RawNode]) -> Found:
        """The pointers of all nodes."""
        # What alloc nodes of the graph allocate is virtual until a launch, and no life that could end before it.
        self._own = [_allocated(node) for node in nodes if node.kind == "alloc" and node.params]
        params = [(node, place) for node in nodes for place in range(len(node.params))]
        found: dict[tuple[int, int], list[Pointer]] = {}
        for index, offset, address, place in _words(params, self._addresses.locate):
            node, at = params[index]
            pointer = self._pointer(node, node.params[at], offset, address, place)
            if pointer is not None:
                found.setdefault((node.index, at), []).append(pointer)
        return {key: tuple(pointers) for key, pointers in found.items()}

    def _pointer(
        self, node: RawNode, param: RawParam, offset: int, address: int, place: int
    ) -> Pointer | None:
        before = self._mark(node.created)
        if place >= 0:
            life = self._addresses.owner(place, address, before)
        else:
            life = self._elsewhere(node, param, address, before)
        if life is None and not param.is_address and not self._is_own(address):
            return None
        key = (offset, address, life, param.access, param.span_bytes)
        if key not in self._made:
            self._made[key] = Pointer(
                offset=offset,
                address=address,
                generation=None if life is None else life.generation,
                displacement=0 if life is None else address - life.address,
                span_bytes=param.span_bytes,
                access=param.access,
            )
        return self._made[key]

    def _elsewhere(self, node: RawNode, param: RawParam, address: int, before: int | None) -> Life | None:
        """The owner of an address that torch's device allocator never had."""
        if self._is_own(address):
            return None
        if address not in self._regions:
            self._regions[address] = self._driver_memory.region(address)
        life = self._driver_memory.owner(address, self._regions[address], before)
        if life is None and param.is_address and _is_host(node, param):
            return self._driver_memory.pageable(address, param.span_bytes or 0)
        return life

    def _is_own(self, address: int) -> bool:
        return bool(self._own) and any(address in own for own in self._own)

    def _mark(self, created: int) -> int | None:
        if created not in self._marks:
            self._marks[created] = self._mark_of_node(created)
        return self._marks[created]


def _words(
    params: list[tuple[RawNode, int]], locate: Callable[[Addresses], "np.typing.NDArray[np.intp]"]
) -> Iterator[tuple[int, int, int, int]]:
    """Words that may be addresses: position in `params`, offset in the parameter, value, and place in the map."""
    data = [node.params[place].data for node, place in params]
    counts = np.fromiter((len(each) // WORD for each in data), np.intp, len(data))
    words = np.frombuffer(b"".join([each[: len(each) // WORD * WORD] for each in data]), "<u8")
    certain = np.fromiter((node.params[place].is_address for node, place in params), np.bool_, len(data))
    (where,) = np.nonzero(((words >= _LEAST) & (words < _MOST)) | np.repeat(certain, counts))
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
