"""Which of the words in a graph's parameters are addresses, and whose.

Every 8-byte word at a multiple of 8 from the start of a parameter is looked at, so addresses inside structs by value
and in packed buffers are found, and one that a kernel takes in two halves of 4 bytes is not. A number that happens to
lie in somebody's memory is found as well: a second capture tells the two apart (`checks.confirm`).
"""

from collections.abc import Callable, Sequence

from imp_graphcheck.device.cuda.driver_memory import DriverMemory
from imp_graphcheck.device.cuda.graph_driver import Region
from imp_graphcheck.device.cuda.journal import Journal
from imp_graphcheck.device.cuda.life import Life
from imp_graphcheck.device.cuda.raw_node import RawNode, RawParam
from imp_graphcheck.device.cuda.succession import Succession
from imp_graphcheck.device.cuda.words import Word, words_of
from imp_graphcheck.record.graph import Access, Pointer

MarksOfNode = Callable[[int], tuple[int | None, int | None]]
"""The last mark before a node and the first one after it, by its place in the order of creation."""

Found = dict[int, list[Pointer]]
"""The pointers of each parameter that has some, by its position among the parameters of all nodes."""


class PointerFinder:
    """Finds the pointers of one graph. An address belongs to whoever had it last before the first mark after its
    node; where no mark was made, to whoever had it last of all.

    Between two marks, which is inside one operator, an address may pass on: the last owner there counts. An address whose
    last owner was gone before the node was made is what an earlier call left in the padding of a struct: nobody's.
    """

    def __init__(self, journal: Journal, driver_memory: DriverMemory, marks_of_node: MarksOfNode) -> None:
        self._addresses = journal.addresses
        self._driver_memory = driver_memory
        self._marks_of_node = marks_of_node
        self._own: list[range] = []
        self._regions: dict[int, Region | None] = {}
        """What the driver said of addresses that torch does not know. Most are numbers."""
        self._successions: dict[int, Succession] = {}
        self._made: dict[tuple[int, int, Life | None, Access, int | None], Pointer] = {}
        """Kernels are given the same buffers again and again."""

    def find(self, nodes: Sequence[RawNode]) -> Found:
        """The pointers of all nodes."""
        # What alloc nodes of the graph allocate is virtual until a launch, and no life that could end before it.
        self._own = [_allocated(node) for node in nodes if node.kind == "alloc" and node.params]
        owners = [node for node in nodes for _ in node.params]
        params = [param for node in nodes for param in node.params]
        marks = {node.created: self._marks_of_node(node.created) for node in nodes}
        found: Found = {}
        for word in words_of(params, self._addresses.locate, self._is_nobodys):
            node, param = owners[word.param], params[word.param]
            life = self._owner(node, param, word, marks[node.created])
            found.setdefault(word.param, []).append(self._pointer(param, word, life))
        return found

    def _pointer(self, param: RawParam, word: Word, life: Life | None) -> Pointer:
        key = (word.offset, word.value, life, param.access, param.span_bytes)
        pointer = self._made.get(key)
        if pointer is None:
            pointer = self._made[key] = Pointer(
                offset=word.offset,
                address=word.value,
                generation=None if life is None else life.generation,
                displacement=0 if life is None else word.value - life.address,
                span_bytes=param.span_bytes,
                access=param.access,
            )
        return pointer

    def _owner(
        self, node: RawNode, param: RawParam, word: Word, marks: tuple[int | None, int | None]
    ) -> Life | None:
        address, (before, after) = word.value, marks
        if word.place < 0:
            return self._elsewhere(node, param, address, after)
        succession = self._successions.get(address)
        if succession is None:
            succession = Succession(self._addresses.owners(word.place, address))
            self._successions[address] = succession
        life = succession.before(after)
        if life is None or life.ended is None or before is None or life.ended >= before:
            return life
        return None

    def _elsewhere(self, node: RawNode, param: RawParam, address: int, mark: int | None) -> Life | None:
        """The owner of an address that torch's device allocator never had."""
        if self._is_own(address):
            return None
        life = self._driver_memory.owner(address, self._region(address), mark)
        if life is None and param.is_address and _is_host(node, param):
            return self._driver_memory.pageable(address, param.span_bytes or 0)
        return life

    def _is_nobodys(self, address: int) -> bool:
        """Whether a word that torch's device allocator never had is no address at all."""
        return not self._is_own(address) and self._driver_memory.owner(address, self._region(address)) is None

    def _is_own(self, address: int) -> bool:
        return bool(self._own) and any(address in own for own in self._own)

    def _region(self, address: int) -> Region | None:
        if address not in self._regions:
            self._regions[address] = self._driver_memory.region(address)
        return self._regions[address]


def _allocated(node: RawNode) -> range:
    start = int.from_bytes(node.params[0].data, "little")
    return range(start, start + (node.size_bytes or 0))


def _is_host(node: RawNode, param: RawParam) -> bool:
    """Whether an end of a copy is the host's."""
    side = {"source": 0, "target": 2}.get(param.name)
    return side is not None and node.direction is not None and node.direction[side] == "h"
