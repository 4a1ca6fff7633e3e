"""Memory that the driver knows and torch's device allocator does not manage: pinned host memory, and device memory of
other libraries. Host memory that the driver does not know either is pageable.

Torch keeps the pinned blocks that a program gives back and hands them out again, without telling anybody. Who has which
is known for tensors that were shown (`observe`): their storages are watched, without being kept alive. A pinned block
whose tensor was never shown counts as live for as long as the driver knows it.
"""

import weakref
from collections.abc import Iterable
from functools import partial
from itertools import count
from typing import Any

import torch

from imp_graphcheck.device.cuda.address_map import AddressMap
from imp_graphcheck.device.cuda.copy_direction import HOST
from imp_graphcheck.device.cuda.graph_driver import GraphDriver, Region
from imp_graphcheck.device.cuda.life import Life
from imp_graphcheck.device.stack import site_of, take_stack
from imp_graphcheck.record.memory import DEFAULT_POOL, Allocation, MemorySpace

PINNED_POOL = "pinned"
PAGEABLE_POOL = "pageable"


class DriverMemory:
    """Lives by generation, which is negative here: no number of torch's device allocator is the same."""

    def __init__(self, driver: GraphDriver) -> None:
        self._driver = driver
        self._generations = count(-1, -1)
        self._lives: dict[int, Life] = {}
        self._regions: dict[int, Life] = {}
        """By the driver's number of the buffer."""
        self._buffers: dict[int, int] = {}
        """That number, by generation."""
        self._pageable: dict[int, Life] = {}
        self._shown = AddressMap()
        self._watched: dict[int, weakref.ref[Any]] = {}

    def observe(self, values: Iterable[object], *, created: bool = False, mark: int = 0) -> None:
        """Watch the storages of the pinned tensors among `values`, the arguments of an operator.

        `created`: they are its results, and the line that called it allocated them. `mark` is the last one that was
        made, so this is called before the nodes of the operator are counted.
        """
        for value in values:
            if isinstance(value, torch.Tensor) and not value.is_cuda and value.is_pinned():
                self._watch(value.untyped_storage(), created, mark)

    def region(self, address: int) -> Region | None:
        """What the driver knows of `address` now; it costs some calls of the driver."""
        return self._driver.region(address)

    def owner(self, address: int, region: Region | None, before: int | None = None) -> Life | None:
        """Who has `address` in `region`, or had it before that mark; None for what was never the driver's."""
        if region is None or region.memory_type == HOST:
            shown = self._shown.at(address, before)
            if shown is not None:
                return shown
        return None if region is None else self._of_region(region)

    def pageable(self, address: int, span_bytes: int) -> Life:
        """Host memory at `address` that the driver does not know."""
        life = self._pageable.get(address)
        if life is None:
            life = self._pageable[address] = self._begin(address, span_bytes, PAGEABLE_POOL, "pageable")
        life.size_bytes = max(life.size_bytes, span_bytes)
        return life

    def now(self, generation: int) -> Allocation | None:
        """What has become of a life."""
        life = self._lives.get(generation)
        if life is None:
            return None
        if life.space == "pageable":
            return life.record(pool=PAGEABLE_POOL, mapped=True)
        region = self._driver.region(life.address)
        if generation in self._buffers:
            life.live = region is not None and region.buffer_id == self._buffers[generation]
        mapped = region is not None and (generation not in self._buffers or life.live)
        return life.record(pool=life.pool or DEFAULT_POOL, mapped=mapped)

    def _of_region(self, region: Region) -> Life:
        life = self._regions.get(region.buffer_id)
        if life is None:
            pool, space = (PINNED_POOL, "pinned") if region.memory_type == HOST else (DEFAULT_POOL, "device")
            life = self._begin(region.address, region.size_bytes, pool, space)  # type: ignore[arg-type]
            self._regions[region.buffer_id] = life
            self._buffers[life.generation] = region.buffer_id
        return life

    def _watch(self, storage: torch.UntypedStorage, created: bool, mark: int) -> None:
        address = storage.data_ptr()
        known = self._shown.at(address)
        if known is not None and known.live and known.address == address:
            return
        life = self._begin(address, storage.nbytes(), PINNED_POOL, "pinned")
        life.began = mark
        if created:
            life.allocated = partial(site_of, take_stack(3))
        self._shown.put(life)
        self._watched[life.generation] = weakref.ref(storage, partial(self._gone, life))

    def _gone(self, life: Life, _: object) -> None:
        """The storage of `life` dies: whoever runs now has freed it."""
        life.live = False
        life.freed = partial(site_of, take_stack(2))
        del self._watched[life.generation]

    def _begin(self, address: int, size_bytes: int, pool: str, space: MemorySpace) -> Life:
        life = Life(
            generation=next(self._generations),
            address=address,
            size_bytes=size_bytes,
            occupied_bytes=size_bytes,
            pool=pool,
            space=space,
        )
        self._lives[life.generation] = life
        return life
