"""What lies in device memory, copied to the host beside torch: no tensor, no stream, no allocation of the device."""

import ctypes
from functools import cache

from imp_graphcheck.device.cuda.libcuda import LIBRARY


def copied_to_host(address: int, size_bytes: int, library: ctypes.CDLL | None = None) -> bytes | None:
    """The bytes there; None where the driver refuses. The caller knows that the memory is allocated."""
    buffer = ctypes.create_string_buffer(size_bytes)
    copy = (library or _driver()).cuMemcpyDtoH_v2
    result = copy(buffer, ctypes.c_uint64(address), ctypes.c_size_t(size_bytes))
    return buffer.raw if result == 0 else None


@cache
def _driver() -> ctypes.CDLL:
    return ctypes.CDLL(LIBRARY)
