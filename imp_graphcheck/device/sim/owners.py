"""Who held an address when a node was recorded, and what has become of that memory since."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from imp_graphcheck.device.sim.allocator import DEFAULT_POOL, PoolId
from imp_graphcheck.device.sim.history import Allocation as DeviceAllocation
from imp_graphcheck.device.sim.host_memory import HostBlock
from imp_graphcheck.device.stack import RawStack, site_of
from imp_graphcheck.record.memory import DEFAULT_POOL as DEFAULT_POOL_NAME
from imp_graphcheck.record.memory import Allocation, AllocationState

if TYPE_CHECKING:
    from imp_graphcheck.device.sim.memory import Memory


@dataclass(frozen=True, slots=True)
class DeviceOwner:
    """An allocation of device memory."""

    allocation: DeviceAllocation

    @property
    def generation(self) -> int:
        return self.allocation.generation

    @property
    def address(self) -> int:
        return self.allocation.address

    def now(self, memory: "Memory") -> Allocation:
        """What has become of it."""
        held = self.allocation
        state: AllocationState = "live"
        if not held.live:
            mapped = memory.arena.is_mapped(held.address, held.size)
            state = "freed" if mapped else "unmapped"
        return Allocation(
            generation=held.generation,
            address=held.address,
            size_bytes=held.requested,
            pool=pool_name(held.pool),
            state=state,
            allocation_site=site_of(held.allocation_site),
            free_site=site_of(held.free_site),
        )


@dataclass(frozen=True, slots=True)
class PinnedOwner:
    """One life of a pinned block, which the host allocator hands out again and again."""

    block: HostBlock
    life: int
    allocation_stack: RawStack

    @property
    def generation(self) -> int:
        # Below zero, so that no number of the device's allocator is ever the same.
        return -self.life

    @property
    def address(self) -> int:
        return self.block.address

    def now(self, memory: "Memory") -> Allocation:
        """What has become of it."""
        same = self.block.generation == self.life
        return Allocation(
            generation=self.generation,
            address=self.block.address,
            size_bytes=self.block.size,
            pool="pinned",
            space="pinned",
            state="live" if same and self.block.live else "freed",
            allocation_site=site_of(self.allocation_stack),
            free_site=site_of(self.block.free_stack) if same else None,
        )


Owner = DeviceOwner | PinnedOwner


def owner_of(address: int, memory: "Memory") -> Owner | None:
    """Who holds `address` now; None for memory that nobody allocated through torch."""
    allocation = memory.allocator.live_at(address)
    if allocation is not None:
        return DeviceOwner(allocation)
    block = memory.pinned.block_at(address)
    if block is not None and block.live:
        return PinnedOwner(block, block.generation, block.allocation_stack)
    return None


def pool_name(pool: PoolId) -> str:
    """A pool in the words of the record."""
    return DEFAULT_POOL_NAME if pool == DEFAULT_POOL else f"pool {pool[0]}:{pool[1]}"
