"""What is remembered of allocations after their death."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imp_graphcheck.device.stack import RawStack

PoolId = tuple[int, int]

HISTORY_LIMIT = 20_000
"""Freed allocations that are remembered, the oldest forgotten first. The last one at each address always stays."""


@dataclass(slots=True, eq=False)
class Allocation:
    """One allocation, from birth to death. `generation` numbers them in order of birth."""

    generation: int
    address: int
    size: int
    requested: int
    pool: PoolId
    stream: int
    allocation_site: "RawStack"
    free_site: "RawStack" = ()
    live: bool = True

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

    def _holders(self, address: int) -> Iterator[Allocation]:
        for remembered in (self._recent, self._last_at.values()):
            yield from (allocation for allocation in remembered if allocation.holds(address))
