"""Who held an address when a node was recorded, and what has become of that memory since."""

from dataclasses import dataclass
from functools import cache
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

    def now(self) -> Allocation:
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


Owner = DeviceAllocation | PinnedOwner


def owner_of(address: int, memory: "Memory") -> Owner | None:
    """Who holds `address` now; None for memory that nobody allocated through torch."""
    allocation = memory.allocator.live_at(address)
    if allocation is not None:
        return allocation
    block = memory.pinned.block_at(address)
    if block is not None and block.live:
        return PinnedOwner(block, block.generation, block.allocation_stack)
    return None


def now(owner: Owner, memory: "Memory") -> Allocation:
    """What has become of the memory of `owner`."""
    if isinstance(owner, PinnedOwner):
        return owner.now()
    state: AllocationState = "live"
    if not owner.live:
        state = "freed" if memory.arena.is_mapped(owner.address, owner.size) else "unmapped"
    return Allocation(
        generation=owner.generation,
        address=owner.address,
        size_bytes=owner.requested,
        pool=pool_name(owner.pool),
        state=state,
        allocation_site=site_of(owner.allocation_site),
        free_site=site_of(owner.free_site),
    )


@cache
def pool_name(pool: PoolId) -> str:
    """A pool in the words of the record."""
    return DEFAULT_POOL_NAME if pool == DEFAULT_POOL else f"pool {pool[0]}:{pool[1]}"
