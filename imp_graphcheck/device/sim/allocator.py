"""A caching allocator with torch's rules: what is freed is kept, and handed out again to the next that fits.

Rules that decide whether a stale pointer reads old or new content, each as in torch's CUDA allocator
(c10/cuda/CUDACachingAllocator.cpp): sizes are rounded up to 512 bytes; requests up to 1 MiB share 2 MiB segments,
requests under 10 MiB share 20 MiB segments, larger ones get a segment rounded up to 2 MiB; a free block is chosen by
best fit (smallest size, then lowest address) among blocks of the same pool, stream and size class; a block is split
when enough remains, and merged with its free neighbours when freed; a segment is unmapped only by `empty_cache`, or
when memory runs out, and only when all of it is free. Each graph capture has a private pool, whose segments stay until
the last graph that uses the pool is gone.

No torch in here: addresses and numbers only.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from imp_graphcheck.device.sim.history import Allocation, History, PoolId

if TYPE_CHECKING:
    from imp_graphcheck.device.stack import RawStack

__all__ = ["DEFAULT_POOL", "Allocation", "Block", "CachingAllocator", "PoolId", "Segment"]

MIN_BLOCK_BYTES = 512
SMALL_BYTES = 1 << 20
SMALL_SEGMENT_BYTES = 2 << 20
LARGE_SEGMENT_BYTES = 20 << 20
MIN_LARGE_BYTES = 10 << 20
ROUND_LARGE_BYTES = 2 << 20

DEFAULT_POOL: PoolId = (0, 0)


class AddressSpace(Protocol):
    """Where segments come from."""

    def map(self, size_bytes: int) -> int | None: ...
    def unmap(self, address: int) -> None: ...


@dataclass(slots=True, eq=False)
class Segment:
    """A mapped range. `first` is its lowest block; blocks cover it without gaps."""

    address: int
    size: int
    pool: PoolId
    stream: int
    small: bool
    first: "Block" = field(init=False)

    def blocks(self) -> Iterator["Block"]:
        """The blocks of the segment in address order."""
        block: Block | None = self.first
        while block is not None:
            yield block
            block = block.next


@dataclass(slots=True, eq=False)
class Block:
    """A part of a segment: allocated, or free and cached. `generation` numbers its present or last allocation."""

    segment: Segment
    address: int
    size: int
    requested: int = 0
    allocated: bool = False
    generation: int = 0
    previous: "Block | None" = None
    next: "Block | None" = None


@dataclass(slots=True)
class _Pool:
    use_count: int = 0
    segments: list[Segment] = field(default_factory=list)


_FreeKey = tuple[int, int]  # (size, address)


class CachingAllocator:
    """See the module. Not locked: the caller serialises."""

    def __init__(self, space: AddressSpace) -> None:
        self._space = space
        self._pools: dict[PoolId, _Pool] = {DEFAULT_POOL: _Pool(use_count=1)}
        self._free: dict[tuple[PoolId, int, bool], list[_FreeKey]] = {}
        self._free_blocks: dict[int, Block] = {}
        self._live: dict[int, tuple[Block, Allocation]] = {}
        self._live_addresses: list[int] = []
        """The keys of `_live`, ascending: a captured graph asks for the owner of every address it names."""
        self.history = History()
        self._segments: dict[int, Segment] = {}
        self._segment_starts: list[int] = []
        self._generation = 0
        self.clock = 0
        """Ticks at every allocation and every free."""
        self.allocated_bytes = 0
        self.reserved_bytes = 0

    # allocation

    def allocate(
        self, requested: int, *, pool: PoolId = DEFAULT_POOL, stream: int = 0, site: "RawStack" = ()
    ) -> Allocation | None:
        """Allocate `requested` bytes (0 counts as 1). None when nothing fits and no segment can be mapped."""
        size = round_size(requested)
        small = size <= SMALL_BYTES
        block = self._take_best_fit(size, pool, stream, small) or self._map_segment(size, pool, stream, small)
        if block is None:
            return None
        self._split(block, size)
        self._generation += 1
        self.clock += 1
        block.allocated, block.requested, block.generation = True, requested, self._generation
        allocation = Allocation(
            generation=self._generation,
            address=block.address,
            size=block.size,
            requested=requested,
            pool=pool,
            stream=stream,
            allocation_site=site,
            born=self.clock,
        )
        self._live[block.address] = (block, allocation)
        insort(self._live_addresses, block.address)
        self.allocated_bytes += block.size
        return allocation

    def would_map(self, requested: int, *, pool: PoolId = DEFAULT_POOL, stream: int = 0) -> bool:
        """Whether `allocate` of the same arguments would have to map a new segment."""
        size = round_size(requested)
        return self._best_fit(size, pool, stream, size <= SMALL_BYTES) is None

    def free(self, address: int, *, site: "RawStack" = ()) -> Allocation:
        """Free the live allocation at `address`. Raises KeyError when there is none."""
        block, allocation = self._live.pop(address)
        del self._live_addresses[bisect_left(self._live_addresses, address)]
        self.clock += 1
        allocation.live, allocation.free_site, allocation.died = False, site, self.clock
        self.allocated_bytes -= block.size
        block.allocated = False
        self.history.add(allocation)
        self._release(block)
        return allocation

    def empty_cache(self) -> list[Segment]:
        """Unmap every segment that is wholly free and that no graph's pool holds. Returns what was unmapped."""
        gone = [
            segment
            for pool_id, pool in self._pools.items()
            if pool_id == DEFAULT_POOL or pool.use_count == 0
            for segment in pool.segments
            if not segment.first.allocated and segment.first.next is None
        ]
        for segment in gone:
            self._unmap_segment(segment)
        self._forget_empty_pools()
        return gone

    # pools

    def retain_pool(self, pool: PoolId) -> None:
        """One more graph uses `pool`."""
        self._pools.setdefault(pool, _Pool()).use_count += 1

    def release_pool(self, pool: PoolId) -> None:
        """One graph fewer uses `pool`; at zero its free segments may be unmapped."""
        self._pools[pool].use_count -= 1

    def pool_bytes(self, pool: PoolId) -> int:
        """Bytes of the segments of `pool`."""
        held = self._pools.get(pool)
        return sum(segment.size for segment in held.segments) if held else 0

    # who owns an address

    def live_at(self, address: int) -> Allocation | None:
        """The live allocation whose block holds `address`."""
        index = bisect_left(self._live_addresses, address + 1) - 1
        if index < 0:
            return None
        allocation = self._live[self._live_addresses[index]][1]
        return allocation if allocation.holds(address) else None

    def live_in(self, pool: PoolId) -> list[Allocation]:
        """The live allocations of `pool`, by address."""
        allocations = (self._live[address][1] for address in self._live_addresses)
        return [allocation for allocation in allocations if allocation.pool == pool]

    def block_at(self, address: int) -> Block | None:
        """The block, allocated or free, that holds `address`; None when no segment does."""
        segment = self.segment_at(address)
        if segment is None:
            return None
        return next(block for block in segment.blocks() if address < block.address + block.size)

    def segment_at(self, address: int) -> Segment | None:
        """The segment that holds `address`."""
        index = bisect_left(self._segment_starts, address + 1) - 1
        if index < 0:
            return None
        segment = self._segments[self._segment_starts[index]]
        return segment if address < segment.address + segment.size else None

    def last_owner(self, address: int) -> Allocation | None:
        """The newest allocation, live or freed, that held `address`, as far as is remembered."""
        return self.live_at(address) or self.history.last_owner(address)

    def owners_at(self, addresses: Iterable[int], time: int | None = None) -> dict[int, Allocation]:
        """Which allocation holds each of `addresses` now, or held it at `time` of the clock."""
        wanted = tuple(addresses)
        found = {address: live for address in wanted if (live := self.live_at(address)) is not None}
        if time is None:
            return found
        held = {address: live for address, live in found.items() if live.held_at(time)}
        return held | self.history.owners_at(time, (address for address in wanted if address not in held))

    @property
    def segments(self) -> list[Segment]:
        """Every mapped segment, by address."""
        return [self._segments[start] for start in self._segment_starts]

    # inside

    def _best_fit(self, size: int, pool: PoolId, stream: int, small: bool) -> Block | None:
        keys = self._free.get((pool, stream, small))
        if not keys:
            return None
        index = bisect_left(keys, (size, 0))
        return self._free_blocks[keys[index][1]] if index < len(keys) else None

    def _take_best_fit(self, size: int, pool: PoolId, stream: int, small: bool) -> Block | None:
        block = self._best_fit(size, pool, stream, small)
        if block is not None:
            self._forget_free(block)
        return block

    def _map_segment(self, size: int, pool: PoolId, stream: int, small: bool) -> Block | None:
        segment_size = segment_bytes(size)
        address = self._space.map(segment_size)
        if address is None:
            # Out of memory: torch gives its cache back to the driver once and tries again.
            self.empty_cache()
            address = self._space.map(segment_size)
        if address is None:
            return None
        segment = Segment(address, segment_size, pool, stream, small)
        segment.first = block = Block(segment, address, segment_size)
        self._segments[address] = segment
        insort(self._segment_starts, address)
        self._pools.setdefault(pool, _Pool()).segments.append(segment)
        self.reserved_bytes += segment_size
        return block

    def _unmap_segment(self, segment: Segment) -> None:
        self._forget_free(segment.first)
        self._pools[segment.pool].segments.remove(segment)
        del self._segments[segment.address]
        self._segment_starts.remove(segment.address)
        self.reserved_bytes -= segment.size
        self._space.unmap(segment.address)

    def _forget_empty_pools(self) -> None:
        for pool_id in [
            pool_id
            for pool_id, pool in self._pools.items()
            if pool_id != DEFAULT_POOL and pool.use_count == 0 and not pool.segments
        ]:
            del self._pools[pool_id]

    def _split(self, block: Block, size: int) -> None:
        remaining = block.size - size
        if remaining < MIN_BLOCK_BYTES or not (block.segment.small or remaining > SMALL_BYTES):
            return
        rest = Block(block.segment, block.address + size, remaining, previous=block, next=block.next)
        if block.next is not None:
            block.next.previous = rest
        block.next, block.size = rest, size
        self._remember_free(rest)

    def _release(self, block: Block) -> None:
        for neighbour in (block.previous, block.next):
            if neighbour is not None and not neighbour.allocated:
                self._forget_free(neighbour)
                block = _merge(*((neighbour, block) if neighbour is block.previous else (block, neighbour)))
        self._remember_free(block)

    def _remember_free(self, block: Block) -> None:
        segment = block.segment
        insort(
            self._free.setdefault((segment.pool, segment.stream, segment.small), []),
            (block.size, block.address),
        )
        self._free_blocks[block.address] = block

    def _forget_free(self, block: Block) -> None:
        segment = block.segment
        keys = self._free[(segment.pool, segment.stream, segment.small)]
        del keys[bisect_left(keys, (block.size, block.address))]
        del self._free_blocks[block.address]


def round_size(requested: int) -> int:
    """Bytes that a request occupies."""
    return max(MIN_BLOCK_BYTES, -(-requested // MIN_BLOCK_BYTES) * MIN_BLOCK_BYTES)


def segment_bytes(size: int) -> int:
    """Bytes of the segment that is mapped for a block of `size` bytes."""
    if size <= SMALL_BYTES:
        return SMALL_SEGMENT_BYTES
    if size < MIN_LARGE_BYTES:
        return LARGE_SEGMENT_BYTES
    return -(-size // ROUND_LARGE_BYTES) * ROUND_LARGE_BYTES


def _merge(low: Block, high: Block) -> Block:
    low.size += high.size
    low.next = high.next
    if high.next is not None:
        high.next.previous = low
    return low
