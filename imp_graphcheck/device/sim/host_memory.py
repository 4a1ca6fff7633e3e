"""Pinned host memory, with a caching allocator like torch's: blocks are powers of two and are handed out again.

A block that a queued copy still reads is not recycled before that copy has run. A copy recorded into a graph gives no
such protection: the allocator knows nothing of replays, as on a real GPU.
"""

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass

from imp_graphcheck.device.sim.arena import GRANULE_BYTES, Arena
from imp_graphcheck.device.stack import RawStack

MIN_BLOCK_BYTES = 512


@dataclass(slots=True, eq=False)
class HostBlock:
    """One pinned block. `pending` counts queued copies that have yet to run."""

    address: int
    size: int
    generation: int = 0
    live: bool = True
    pending: int = 0
    allocation_stack: RawStack = ()
    free_stack: RawStack = ()


class PinnedMemory:
    """Hands out pinned blocks by address."""

    def __init__(self, capacity_bytes: int) -> None:
        self.arena = Arena(capacity_bytes)
        self._free: defaultdict[int, list[HostBlock]] = defaultdict(list)
        self._blocks: dict[int, HostBlock] = {}
        self._addresses: list[int] = []
        self._chunk_next = 0
        self._chunk_end = 0
        self._generation = 0

    def would_map(self, size_bytes: int) -> bool:
        """Whether the next allocation of that size needs new pinned memory (cudaHostAlloc)."""
        return not self._free[_rounded(size_bytes)]

    def allocate(self, size_bytes: int, stack: RawStack) -> HostBlock | None:
        """A block of at least `size_bytes`; None when pinned memory is exhausted."""
        size = _rounded(size_bytes)
        block = self._free[size].pop() if self._free[size] else self._carve(size)
        if block is None:
            return None
        self._generation += 1
        block.generation, block.live = self._generation, True
        block.allocation_stack, block.free_stack = stack, ()
        return block

    def free(self, block: HostBlock, stack: RawStack) -> None:
        """The tensor over the block is gone."""
        block.live, block.free_stack = False, stack
        self._recycle(block)

    def done(self, block: HostBlock) -> None:
        """A queued copy has run."""
        block.pending -= 1
        self._recycle(block)

    def block_at(self, address: int) -> HostBlock | None:
        """The block, live or recycled, that holds `address`; None for pageable memory."""
        index = bisect_right(self._addresses, address) - 1
        if index < 0:
            return None
        block = self._blocks[self._addresses[index]]
        return block if address < block.address + block.size else None

    def _recycle(self, block: HostBlock) -> None:
        if not block.live and block.pending == 0:
            self._free[block.size].append(block)

    def _carve(self, size: int) -> HostBlock | None:
        if self._chunk_end - self._chunk_next < size:
            chunk = -(-size // GRANULE_BYTES) * GRANULE_BYTES
            start = self.arena.map(chunk)
            if start is None:
                return None
            self._chunk_next, self._chunk_end = start, start + chunk
        block = HostBlock(self._chunk_next, size)
        self._chunk_next += size
        self._blocks[block.address] = block
        self._addresses.insert(bisect_right(self._addresses, block.address), block.address)
        return block


def _rounded(size_bytes: int) -> int:
    return max(MIN_BLOCK_BYTES, 1 << max(size_bytes - 1, 0).bit_length())
