"""Host memory that the card copies from and to at full speed, apart from everything that torch hands out.

Torch keeps pinned blocks that were given back and hands them out again. A copy of the tool's own in such a block could
lie where a freed buffer of the program was, and change what a replay of its graph reads.
"""

import ctypes
import mmap
import weakref

import torch

from imp_graphcheck.device.cuda.libcuda import LIBRARY

LEAST_BYTES = 1 << 20
"""Locking the pages of a smaller copy takes longer than the copy."""


def host_copy(tensor: torch.Tensor) -> torch.Tensor:
    """A copy of `tensor` on the host. Waits for the device. Its pages stay locked for as long as it lives."""
    size = tensor.numel() * tensor.element_size()
    if size < LEAST_BYTES or tensor.device.type == "cpu":
        return tensor.detach().to("cpu", copy=True)
    # Whole pages of its own: the driver locks a page once, whoever else has a part of it.
    pages = mmap.mmap(-1, size)
    copy = torch.frombuffer(pages, dtype=tensor.dtype).view(tensor.shape)
    _lock(pages, copy.data_ptr(), size)
    return copy.copy_(tensor.detach())


def _lock(pages: mmap.mmap, address: int, size: int) -> None:
    """Lock `pages` until they go. A driver that refuses leaves them as they are, which is slower and no worse.

    The driver is asked, not the runtime: an error of the runtime would be remembered, and raised at the next launch.
    """
    driver = ctypes.CDLL(LIBRARY)
    place = ctypes.c_void_p(address)
    if driver.cuMemHostRegister_v2(place, ctypes.c_size_t(size), ctypes.c_uint(0)) == 0:
        weakref.finalize(pages, driver.cuMemHostUnregister, place)
