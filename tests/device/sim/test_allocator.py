"""The caching allocator against a much simpler model of torch's rules, and against torch's own numbers."""

from dataclasses import dataclass

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from imp_graphcheck.device.sim import history
from imp_graphcheck.device.sim.allocator import CachingAllocator, round_size, segment_bytes
from imp_graphcheck.device.sim.arena import GRANULE_BYTES, Arena

KIB, MIB = 1 << 10, 1 << 20
CAPACITY = 96 * MIB
PRIVATE = (0, 7)


class Space:
    """Segments at ever higher addresses, of which nothing is ever reused."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.sizes: dict[int, int] = {}
        self.next = GRANULE_BYTES

    def map(self, size: int) -> int | None:
        if sum(self.sizes.values()) + size > self.capacity:
            return None
        address, self.next = self.next, self.next + size + GRANULE_BYTES
        self.sizes[address] = size
        return address

    def unmap(self, address: int) -> None:
        del self.sizes[address]


@dataclass
class Extent:
    """A mapped segment of the model: which bytes of it are taken is all there is to know."""

    address: int
    size: int
    key: tuple[tuple[int, int], int, bool]
    taken: dict[int, int]

    def holes(self) -> list[tuple[int, int]]:
        """(size, address) of each free range."""
        found, at = [], self.address
        for start, size in sorted(self.taken.items()):
            if start > at:
                found.append((start - at, at))
            at = start + size
        if at < self.address + self.size:
            found.append((self.address + self.size - at, at))
        return found


class Model:
    """torch's rules said again, with a list of holes that is made anew for every request."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self.extents: list[Extent] = []

    def allocate(self, requested: int, pool: tuple[int, int], stream: int) -> tuple[int, int] | None:
        size = max(512, (requested + 511) // 512 * 512)
        small = size <= MIB
        key = (pool, stream, small)
        holes = [
            (hole, address, extent)
            for extent in self.extents
            if extent.key == key
            for hole, address in extent.holes()
            if hole >= size
        ]
        if not holes:
            extent = self._map(
                2 * MIB if small else 20 * MIB if size < 10 * MIB else -(-size // (2 * MIB)) * 2 * MIB, key
            )
            if extent is None:
                return None
            holes = [(extent.size, extent.address, extent)]
        hole, address, extent = min(holes, key=lambda found: found[:2])
        remaining = hole - size
        # Of a large segment, what remains must be worth a large request; of a small one, any block.
        taken = size if (remaining >= 512 if small else remaining > MIB) else hole
        extent.taken[address] = taken
        return address, taken

    def _map(self, size: int, key: tuple[tuple[int, int], int, bool]) -> Extent | None:
        address = self.space.map(size)
        if address is None:
            self.empty_cache(held=())
            address = self.space.map(size)
        if address is None:
            return None
        self.extents.append(Extent(address, size, key, {}))
        return self.extents[-1]

    def free(self, address: int) -> None:
        for extent in self.extents:
            extent.taken.pop(address, None)

    def empty_cache(self, held: object) -> None:
        private_is_held = PRIVATE in self.held
        for extent in [one for one in self.extents if not one.taken]:
            if extent.key[0] != PRIVATE or not private_is_held:
                self.extents.remove(extent)
                self.space.unmap(extent.address)

    held: frozenset[tuple[int, int]] = frozenset()


SIZES = st.one_of(
    st.integers(0, 4 * KIB),
    st.integers(0, 2 * MIB),
    st.integers(MIB - 512, MIB + 512),
    st.integers(10 * MIB - 600, 10 * MIB + 600),
    st.integers(0, 24 * MIB),
)


class AllocatorMachine(RuleBasedStateMachine):
    """Both get the same requests and must always answer the same."""

    def __init__(self) -> None:
        super().__init__()
        self.allocator = CachingAllocator(Space(CAPACITY))
        self.model = Model(Space(CAPACITY))
        self.live: list[int] = []
        self.sizes: dict[int, int] = {}
        self.generations: list[int] = []

    @rule(requested=SIZES, private=st.booleans(), stream=st.integers(0, 1))
    def allocate(self, requested: int, private: bool, stream: int) -> None:
        pool = PRIVATE if private else (0, 0)
        allocation = self.allocator.allocate(requested, pool=pool, stream=stream)
        expected = self.model.allocate(requested, pool, stream)
        assert (None if allocation is None else (allocation.address, allocation.size)) == expected
        if allocation is not None:
            self.live.append(allocation.address)
            self.sizes[allocation.address] = allocation.size
            self.generations.append(allocation.generation)

    @precondition(lambda self: self.live)
    @rule(data=st.data())
    def free(self, data: st.DataObject) -> None:
        address = self.live.pop(data.draw(st.integers(0, len(self.live) - 1)))
        self.allocator.free(address)
        self.model.free(address)
        owner = self.allocator.last_owner(address)
        assert owner is not None
        assert not owner.live

    @rule()
    def empty_cache(self) -> None:
        self.allocator.empty_cache()
        self.model.empty_cache(held=())

    @rule()
    def retain_or_release(self) -> None:
        if self.model.held:
            self.allocator.release_pool(PRIVATE)
            self.model.held = frozenset()
        else:
            self.allocator.retain_pool(PRIVATE)
            self.model.held = frozenset({PRIVATE})

    @invariant()
    def segments_are_the_models(self) -> None:
        ours = [(one.address, one.size, one.pool, one.stream, one.small) for one in self.allocator.segments]
        theirs = sorted((one.address, one.size, *one.key) for one in self.model.extents)
        assert ours == theirs

    @invariant()
    def blocks_tile_their_segments(self) -> None:
        for segment in self.allocator.segments:
            at, was_free = segment.address, False
            for block in segment.blocks():
                assert block.address == at
                assert block.size >= 512
                assert not (was_free and not block.allocated), "free neighbours are merged"
                at, was_free = at + block.size, not block.allocated
            assert at == segment.address + segment.size

    @invariant()
    def live_allocations_do_not_overlap(self) -> None:
        end = 0
        for address in sorted(self.live):
            assert address >= end
            end = address + self.sizes[address]

    @invariant()
    def accounts_add_up(self) -> None:
        assert self.allocator.allocated_bytes == sum(self.sizes[address] for address in self.live)
        assert self.allocator.reserved_bytes == sum(one.size for one in self.allocator.segments)
        assert self.generations == sorted(set(self.generations))

    @invariant()
    def every_address_has_its_owner(self) -> None:
        for address in self.live:
            for inside in (address, address + self.sizes[address] - 1):
                owner = self.allocator.live_at(inside)
                assert owner is not None
                assert owner.address == address


AllocatorMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestAllocator = AllocatorMachine.TestCase


@pytest.mark.parametrize(
    ("requested", "size", "segment"),
    [
        (0, 512, 2 * MIB),
        (1, 512, 2 * MIB),
        (513, 1024, 2 * MIB),
        (MIB, MIB, 2 * MIB),
        (MIB + 1, MIB + 512, 20 * MIB),
        (10 * MIB - 512, 10 * MIB - 512, 20 * MIB),
        (10 * MIB, 10 * MIB, 10 * MIB),
        (10 * MIB + 1, 10 * MIB + 512, 12 * MIB),
    ],
)
def test_sizes_of_torch(requested: int, size: int, segment: int) -> None:
    assert round_size(requested) == size
    assert segment_bytes(size) == segment


def test_the_last_owner_of_an_address_is_never_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "HISTORY_LIMIT", 10)
    allocator = CachingAllocator(Space(CAPACITY))
    early = allocator.allocate(12 * MIB)
    assert early is not None
    allocator.free(early.address)
    for _ in range(100):
        other = allocator.allocate(512)
        assert other is not None
        allocator.free(other.address)
    assert len(allocator.history) == 10
    assert allocator.last_owner(early.address + MIB) is early


def test_arena_hands_out_the_lowest_hole_again() -> None:
    arena = Arena(8 * GRANULE_BYTES)
    first, second, third = (arena.map(GRANULE_BYTES) for _ in range(3))
    assert first is not None
    assert second is not None
    assert third is not None
    arena.unmap(second)
    assert not arena.is_mapped(second, 1)
    assert arena.map(2 * GRANULE_BYTES) == third + GRANULE_BYTES, "the hole is too small"
    assert arena.map(GRANULE_BYTES) == second
    assert arena.is_mapped(first, GRANULE_BYTES)
    assert not arena.is_mapped(first, GRANULE_BYTES + 1), (
        "an access may not run from one segment into the next"
    )
    assert arena.map(8 * GRANULE_BYTES) is None


def test_unmapped_memory_forgets_its_content() -> None:
    import torch

    arena = Arena(4 * GRANULE_BYTES)
    address = arena.map(GRANULE_BYTES)
    assert address is not None
    arena.view(address, torch.uint8, (4,), (1,)).fill_(7)
    arena.unmap(address)
    assert arena.map(GRANULE_BYTES) == address
    assert arena.view(address, torch.uint8, (4,), (1,)).tolist() == [0] * 4
