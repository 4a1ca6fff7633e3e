"""The device's address space: a large reservation of host memory, of which segments are mapped.

A simulated device address is the host address of the byte that stands for it, so a kernel that runs on the host can
be pointed straight at it. What is mapped is bookkeeping: the reservation itself is readable throughout, and every
access by a kernel is checked against the segments first.
"""

import ctypes
import mmap
import sys
from bisect import bisect_right

import torch

GRANULE_BYTES = 2 << 20
"""Addresses and sizes of segments are multiples of this, as a GPU driver's mappings are."""

_NO_RESERVE = 0x4000 if sys.platform == "linux" else 0
"""MAP_NORESERVE, which Python's mmap names only from 3.13 on: without it a strict host counts the reservation as used."""


class Arena:
    """A reservation of `capacity_bytes`, handed out in segments by first fit at the lowest address.

    Lowest-first means that an unmapped address soon belongs to somebody else again, as on a real driver.
    """

    def __init__(self, capacity_bytes: int, reserve_bytes: int | None = None) -> None:
        self.capacity_bytes = capacity_bytes
        # Fragmentation may spread segments over more addresses than bytes; the reservation costs nothing until touched.
        reserve = reserve_bytes or capacity_bytes * 4
        self._memory = mmap.mmap(
            -1, reserve + GRANULE_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _NO_RESERVE
        )
        start = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        self.base = -(-start // GRANULE_BYTES) * GRANULE_BYTES
        self._offset = self.base - start
        self.end = self.base + reserve
        self._starts: list[int] = []
        self._sizes: dict[int, int] = {}
        self.mapped_bytes = 0
        whole = torch.frombuffer(self._memory, dtype=torch.uint8)
        self._bytes = whole[self._offset : self._offset + reserve]
        self._typed: dict[torch.dtype, torch.Tensor] = {torch.uint8: self._bytes}

    def map(self, size_bytes: int) -> int | None:
        """Map `size_bytes` (a multiple of the granule) and return the address; None when memory is exhausted."""
        if self.mapped_bytes + size_bytes > self.capacity_bytes:
            return None
        address = self.base
        for index, start in enumerate(self._starts):
            if start - address >= size_bytes:
                break
            address = start + self._sizes[start]
            if index == len(self._starts) - 1:
                break
        if address + size_bytes > self.end:
            return None
        self._starts.insert(bisect_right(self._starts, address), address)
        self._sizes[address] = size_bytes
        self.mapped_bytes += size_bytes
        return address

    def unmap(self, address: int) -> None:
        """Unmap the segment at `address`; its content is gone."""
        size = self._sizes.pop(address)
        self._starts.pop(bisect_right(self._starts, address) - 1)
        self.mapped_bytes -= size
        self._memory.madvise(mmap.MADV_DONTNEED, address - self.base + self._offset, size)

    def is_mapped(self, address: int, size_bytes: int) -> bool:
        """Whether all of `[address, address + size_bytes)` lies in one mapped segment."""
        index = bisect_right(self._starts, address) - 1
        if index < 0:
            return False
        start = self._starts[index]
        return address + size_bytes <= start + self._sizes[start]

    def view(
        self, address: int, dtype: torch.dtype, shape: tuple[int, ...], strides: tuple[int, ...]
    ) -> torch.Tensor:
        """A CPU tensor over the memory at `address`. The caller has checked that it is mapped."""
        typed = self._typed.get(dtype)
        if typed is None:
            typed = self._typed.setdefault(dtype, self._bytes.view(dtype))
        return torch.as_strided(typed, shape, strides, (address - self.base) // dtype.itemsize)
