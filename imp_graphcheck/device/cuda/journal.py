"""Every life of the device's memory that was seen while the allocator was watched.

Torch remembers events in a ring. The ring is emptied into the journal each time somebody asks, so a life is read once,
keeps its number for good, and nothing is lost as long as fewer events than the ring holds lie between two questions.
When more do, the oldest are gone: the segments still tell which lives go on and which have ended, without the line that
ended them, and a life that began and ended unseen is never known. A block that was freed and handed out again with
the same size, both unseen, passes for the life before.

What came and went before the first capture is left out: no graph can point at it. Other lives are never forgotten:
some hundreds of bytes for each allocation that was watched.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import count
from operator import itemgetter

import numpy as np

from imp_graphcheck.device.collector import paused_collector
from imp_graphcheck.device.cuda import memory_history
from imp_graphcheck.device.cuda.address_map import AddressMap
from imp_graphcheck.device.cuda.life import Life, Where
from imp_graphcheck.device.cuda.memory_history import Drained, Event, Segment
from imp_graphcheck.device.cuda.pools import UNKNOWN_POOL, pool_name
from imp_graphcheck.device.cuda.sites import RecordedSites
from imp_graphcheck.record.memory import Allocation

_GRANULE = 512
"""What torch rounds sizes up to."""


class Journal:
    """Lives by generation, and who had which address last. Generations count from 1 and are never used again."""

    def __init__(self, device: int) -> None:
        self.lives: dict[int, Life] = {}
        self.addresses = AddressMap()
        self._device = device
        self._sites = RecordedSites()
        self._generations = count(1)
        self._live: dict[int, Life] = {}
        self._unplaced: list[Life] = []
        self._segments: list[tuple[int, int, str]] = []
        self._mark = 0
        self._max_entries: int | None = None
        """What torch's ring holds; None while nobody watches."""

    @property
    def watching(self) -> bool:
        """Whether torch remembers events for us."""
        return self._max_entries is not None

    @contextmanager
    def recording(self, max_entries: int = memory_history.MAX_ENTRIES) -> Iterator[None]:
        """Watch the allocator. Inside another recording it is the same one, and ends with it."""
        if self.watching:
            yield
            return
        memory_history.start(max_entries)
        self._max_entries = max_entries
        try:
            yield
            self.update()
        finally:
            self._max_entries = None
            memory_history.stop()

    def update(self) -> None:
        """Read what has happened since the last time."""
        with paused_collector():
            drained = memory_history.look(self._device)
            if self._max_entries is not None:
                memory_history.start(self._max_entries)
                self.read(drained)
            else:  # whatever torch remembers now was remembered for somebody else
                self.read(Drained((), drained.segments))

    def read(self, drained: Drained) -> None:
        """Take in events, then what the segments tell beyond them."""
        for event in drained.events if self._mark else without_passing(drained.events):
            self._see(event)
        self._segments = sorted(
            (
                segment["address"],
                segment["address"] + segment["total_size"],
                pool_name(tuple(segment["segment_pool_id"])),
            )
            for segment in drained.segments
        )
        self._reconcile(drained.segments)
        for life in self._unplaced:
            life.pool = life.pool or self._pool_at(life.address) or UNKNOWN_POOL
        self._unplaced.clear()

    def now(self, generation: int) -> Allocation | None:
        """What has become of a life, as of the last update."""
        life = self.lives.get(generation)
        if life is None:
            return None
        mapped = self._pool_at(life.address) is not None
        return life.record(pool=life.pool or UNKNOWN_POOL, mapped=mapped)

    def live_in(self, pool: str) -> dict[int, Allocation]:
        """What is allocated in a pool, as of the last update."""
        return {
            life.generation: life.record(pool=pool, mapped=True)
            for life in self._live.values()
            if life.pool == pool
        }

    def owners_of(self, addresses: Collection[int], mark: int | None = None) -> dict[int, Life]:
        """Who has each address, as of the last update; with `mark`, who had it when that was made."""
        wanted = list(addresses)
        found: dict[int, Life] = {}
        for address, place in zip(wanted, self.addresses.locate(np.array(wanted, np.uint64)), strict=True):
            owners = self.addresses.owners(int(place), address) if place >= 0 else iter(())
            life = next((life for life in owners if (life.live if mark is None else life.had_at(mark))), None)
            if life is not None:
                found[address] = life
        return found

    def _see(self, event: Event) -> None:
        self._mark = memory_history.mark_of(event) or self._mark
        address, size = event.get("addr", 0), event["size"]
        match event["action"]:
            case "alloc":
                if address in self._live:  # its free was lost
                    self._end(self._live[address])
                self._begin(address, size, event)
            case "free_requested":
                self._end(self._live.get(address) or self._begin(address, size), event)
            case "segment_free" | "segment_unmap":
                # Another segment may come to lie here before the pool of these could be read off theirs.
                for piece in self.addresses.overlapping(address, address + size):
                    piece.life.pool = piece.life.pool or UNKNOWN_POOL

    def _begin(self, address: int, size: int, event: Event | None = None, *, occupied: int = 0) -> Life:
        life = Life(
            generation=next(self._generations),
            address=address,
            size_bytes=size,
            occupied_bytes=occupied or -(-size // _GRANULE) * _GRANULE,
            began=self._mark if event is not None else 0,
            pool=pool_name(tuple(event["pool_id"])) if event is not None and "pool_id" in event else None,
            allocated=self._where(event),
        )
        self.lives[life.generation] = life
        self._live[address] = life
        self.addresses.put(life)
        self._unplaced.append(life)
        return life

    def _end(self, life: Life, event: Event | None = None) -> None:
        life.live, life.ended = False, self._mark
        life.freed = self._where(event)
        self._live.pop(life.address, None)

    def _reconcile(self, segments: Sequence[Segment]) -> None:
        """Lives that no event told of: older than the watching, or lost."""
        found = set()
        for segment in segments:
            for block in segment["blocks"]:
                address, size = block["address"], block["size"]
                if block["state"] == "active_allocated":
                    found.add(address)
                    self._meet(address, size, block)
                else:
                    for start, end in self.addresses.gaps(address, address + size):
                        self._end(self._begin(start, end - start, occupied=end - start))
        for address in self._live.keys() - found:
            self._end(self._live[address])

    def _meet(self, address: int, occupied: int, block: Segment) -> None:
        """A block that is in use."""
        life, size = self._live.get(address), block.get("requested_size", occupied)
        if life is not None and life.size_bytes != size:
            self._end(life)
            life = None
        if life is None:
            life = self._begin(address, size, occupied=occupied)
            life.allocated = self._where(block)

    def _where(self, event: Event | None) -> Where:
        frames = event.get("frames") if event is not None else None
        return partial(self._sites.of, frames) if frames else None

    def _pool_at(self, address: int) -> str | None:
        place = bisect_right(self._segments, address, key=itemgetter(0)) - 1
        if place < 0 or address >= self._segments[place][1]:
            return None
        return self._segments[place][2]


def without_passing(events: Sequence[Event]) -> list[Event]:
    """`events` without the allocations that are given back among them, up to the first event that carries a mark."""
    begun: dict[int, int] = {}
    kept: list[Event | None] = list(events)
    for place, event in enumerate(events):
        if memory_history.mark_of(event) is not None:
            break
        if event["action"] == "alloc":
            begun[event["addr"]] = place
        elif event["action"] == "free_requested" and event["addr"] in begun:
            kept[place] = kept[begun.pop(event["addr"])] = None
    return [event for event in kept if event is not None]
