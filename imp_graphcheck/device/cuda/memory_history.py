"""What torch's allocator did while it was watched: who allocated which memory, and who freed it.

The allocator forgets its history when the watching ends, so a snapshot is taken while `recording()` is active.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch

from imp_graphcheck.device.cuda.sites import site_of_recorded
from imp_graphcheck.record.site import Site

MAX_ENTRIES = 200_000
"""Events that are kept, the newest ones. One takes a few KB; a prefill of a large model makes some thousands."""

PoolId = tuple[int, int]
DEFAULT_POOL: PoolId = (0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """One life of a piece of device memory.

    `generation` counts, from 0, the allocations that began at this address while it was watched. `freed` says
    that the memory went back to the allocator, `unmapped` that the allocator gave it back to the driver. `pool`
    is None where the segment is gone and the events do not name it.
    """

    address: int
    size_bytes: int
    generation: int
    pool: PoolId | None
    freed: bool = False
    unmapped: bool = False
    allocation_site: Site | None = None
    free_site: Site | None = None

    def holds(self, address: int) -> bool:
        """Whether `address` lies inside it."""
        return self.address <= address < self.address + self.size_bytes


@contextmanager
def recording(max_entries: int = MAX_ENTRIES) -> Iterator[None]:
    """Watch the allocator. Python frames only: native ones cost more and name no line of the program.

    Not to be nested: torch has one switch, and the inner one would end the outer.
    """
    torch.cuda.memory._record_memory_history("all", stacks="python", max_entries=max_entries)
    try:
        yield
    finally:
        torch.cuda.memory._record_memory_history(None)


def snapshot(device: int) -> tuple[Allocation, ...]:
    """Every allocation that the allocator of `device` knows of, live or freed, in the order they began."""
    taken: Mapping[str, Any] = torch.cuda.memory._snapshot()
    segments = [segment for segment in taken["segments"] if segment["device"] == device]
    traces = taken["device_traces"]
    return allocations(traces[device] if device < len(traces) else (), segments)


def allocations(
    events: Iterable[Mapping[str, Any]], segments: Iterable[Mapping[str, Any]]
) -> tuple[Allocation, ...]:
    """Put together the events of one device and the segments that are there now.

    A block that was allocated before the watching began has no event: it comes from its segment.
    """
    segments = list(segments)
    history = _History()
    for event in events:
        history.see(event)
    for segment in segments:
        for block in segment["blocks"]:
            if block["state"] == "active_allocated":
                history.add_unseen(block)
    return tuple(replace(each, pool=each.pool or _pool_at(each.address, segments)) for each in history.lives)


class _History:
    """The lives seen so far, and the one that is current at each address."""

    def __init__(self) -> None:
        self.lives: list[Allocation] = []
        self._current: dict[int, int] = {}
        self._generations: dict[int, int] = {}
        self._mapped: dict[int, list[int]] = {}
        self._addresses: list[int] = []
        """The keys of `_mapped`, ascending: a segment finds its lives by bisection."""

    def see(self, event: Mapping[str, Any]) -> None:
        match event["action"]:
            case "alloc":
                self._begin(event)
            case "free_requested":
                self._end(event)
            case "segment_free" | "segment_unmap":
                self._unmap(event["addr"], event["addr"] + event["size"])

    def add_unseen(self, block: Mapping[str, Any]) -> None:
        """A live block whose allocation was not watched, or has fallen out of the history."""
        current = self._current.get(block["address"])
        if current is None or self.lives[current].freed:
            size = block.get("requested_size", block["size"])
            self._begin({"addr": block["address"], "size": size, "frames": block.get("frames", ())})

    def _begin(self, event: Mapping[str, Any]) -> None:
        address = event["addr"]
        generation = self._generations.get(address, -1) + 1
        self._generations[address] = generation
        self._current[address] = len(self.lives)
        if address not in self._mapped:
            self._mapped[address] = []
            insort(self._addresses, address)
        self._mapped[address].append(len(self.lives))
        pool = event.get("pool_id")
        self.lives.append(
            Allocation(
                address=address,
                size_bytes=event["size"],
                generation=generation,
                pool=None if pool is None else (pool[0], pool[1]),
                allocation_site=site_of_recorded(event.get("frames", ())),
            )
        )

    def _end(self, event: Mapping[str, Any]) -> None:
        current = self._current.get(event["addr"])
        if current is None:  # allocated before the watching began: all that is known is who freed it
            self._begin({"addr": event["addr"], "size": event["size"]})
            current = self._current[event["addr"]]
        self.lives[current] = replace(
            self.lives[current], freed=True, free_site=site_of_recorded(event.get("frames", ()))
        )

    def _unmap(self, start: int, end: int) -> None:
        first, last = bisect_left(self._addresses, start), bisect_left(self._addresses, end)
        for address in self._addresses[first:last]:
            for index in self._mapped.pop(address):
                self.lives[index] = replace(self.lives[index], unmapped=True)
        del self._addresses[first:last]


def _pool_at(address: int, segments: Iterable[Mapping[str, Any]]) -> PoolId | None:
    for segment in segments:
        if segment["address"] <= address < segment["address"] + segment["total_size"]:
            first, second = segment["segment_pool_id"]
            return first, second
    return None
