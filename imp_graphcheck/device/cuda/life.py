"""One life of a piece of memory: from the call that handed it out to the call that gave it back."""

from collections.abc import Callable
from dataclasses import dataclass

from imp_graphcheck.record.memory import Allocation, AllocationState, MemorySpace
from imp_graphcheck.record.site import Site

Where = Callable[[], Site | None] | Site | None
"""A site, or how to make one of a stack that was taken: most are never asked for. None where nobody watched."""


@dataclass(slots=True, kw_only=True, eq=False)
class Life:
    """`generation` is its number; `began` and `ended` are the last marks (see `capture_marks`) that were made before
    it began and before it ended.

    `occupied_bytes` is what was set aside for it. `pool` is None until its segment is known.
    """

    generation: int
    address: int
    size_bytes: int
    occupied_bytes: int
    began: int = 0
    ended: int | None = None
    pool: str | None = None
    live: bool = True
    space: MemorySpace = "device"
    allocated: Where = None
    freed: Where = None

    @property
    def end(self) -> int:
        """One past the last byte that it occupies."""
        return self.address + self.occupied_bytes

    def had_at(self, mark: int) -> bool:
        """Whether it had its addresses when `mark` was made. Of idle memory that nobody was seen to have, nobody had it."""
        if not self.live and self.allocated is None and self.freed is None:
            return False
        return self.began < mark and (self.ended is None or self.ended >= mark)

    def record(self, *, pool: str, mapped: bool) -> Allocation:
        """What has become of it. `mapped`: its address belongs to the process, in somebody's hands or in nobody's."""
        self.allocated, self.freed = _site(self.allocated), _site(self.freed)
        state: AllocationState = "live" if self.live else "freed" if mapped else "unmapped"
        return Allocation(
            generation=self.generation,
            address=self.address,
            size_bytes=self.size_bytes,
            pool=pool,
            space=self.space,
            state=state,
            allocation_site=self.allocated,
            free_site=self.freed,
        )


def _site(where: Where) -> Site | None:
    return where() if callable(where) else where
