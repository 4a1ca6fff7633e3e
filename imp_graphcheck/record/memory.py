"""The memory that captured graphs point at: who allocated it, who freed it, and what has become of it."""

from typing import Literal

import msgspec

from imp_graphcheck.record.site import Site

MemorySpace = Literal["device", "pinned", "pageable"]
AllocationState = Literal["live", "freed", "unmapped"]

DEFAULT_POOL = "default"


class Allocation(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One life of a piece of memory; `generation` is never used twice in a run.

    `freed` memory has gone back to the allocator, which may hand it out again; `unmapped` memory has gone back to the
    driver. `names` are the places of the program that hold a tensor in it (`self.workspace`), as they were when the
    graph was captured.
    """

    generation: int
    address: int
    size_bytes: int
    pool: str = DEFAULT_POOL
    space: MemorySpace = "device"
    state: AllocationState = "live"
    allocation_site: Site | None = None
    free_site: Site | None = None
    names: tuple[str, ...] = ()

    @property
    def end(self) -> int:
        """One past the last byte."""
        return self.address + self.size_bytes
