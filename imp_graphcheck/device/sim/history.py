"""What is remembered of allocations after their death."""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imp_graphcheck.device.stack import RawStack

PoolId = tuple[int, int]

HISTORY_LIMIT = 20_000
"""Freed allocations that are remembered, the oldest forgotten first. The last one at each address always stays."""


@dataclass(slots=True, eq=False)
class Allocation:
    """One allocation, from birth to death. `generation` numbers them in order of birth.

    `born` and `died` are times of the allocator's clock, which ticks at every allocation and every free.
    """

    generation: int
    address: int
    size: int
    requested: int
    pool: PoolId
    stream: int
    allocation_site: "RawStack"
    free_site: "RawStack" = ()
    live: bool = True
    born: int = 0
    died: int | None = None

    def held_at(self, time: int) -> bool:
        """Whether it was in somebody's hands at `time`."""
        return self.born <= time and (self.died is None or time < self.died)

    def holds(self, address: int) -> bool:
        """Whether `address` lies inside."""
        return self.address <= address < self.address + self.size


class History:
    """The freed allocations, as far as they are remembered."""

    def __init__(self) -> None:
        self._recent: deque[Allocation] = deque(maxlen=HISTORY_LIMIT)
        self._last_at: dict[int, Allocation] = {}

    def __len__(self) -> int:
        return len(self._recent)

    def add(self, freed: Allocation) -> None:
        """Remember `freed`."""
        self._recent.append(freed)
        self._last_at[freed.address] = freed

    def last_owner(self, address: int) -> Allocation | None:
        """The newest allocation that held `address`."""
        return max(self._holders(address), key=lambda allocation: allocation.generation, default=None)

    def owners_at(self, time: int, addresses: Iterable[int]) -> dict[int, Allocation]:
        """Which of the freed allocations held each of `addresses` at `time`."""
        wanted = sorted(addresses)
        if not wanted:
            return {}
        return {
            address: allocation
            for remembered in (self._recent, self._last_at.values())
            for allocation in remembered
            if allocation.held_at(time)
            for address in wanted[
                bisect_left(wanted, allocation.address) : bisect_left(
                    wanted, allocation.address + allocation.size
                )
            ]
        }

    def _holders(self, address: int) -> Iterator[Allocation]:
        for remembered in (self._recent, self._last_at.values()):
            yield from (allocation for allocation in remembered if allocation.holds(address))
