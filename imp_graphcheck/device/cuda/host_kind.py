"""Whether host memory is page-locked, as the driver knows it. Never asked while a stream captures."""

import ctypes
from collections.abc import Callable

from imp_graphcheck.device.cuda.libcuda import LIBRARY
from imp_graphcheck.device.traced_call import HostMemory

_MEMORY_TYPE = 2
_HOST = 1
_DEVICE = 2

Kind = HostMemory | None
"""None is device memory."""

AskKind = Callable[[int], Kind]


def open_host_kind() -> AskKind:
    """Raises OSError where there is no driver."""
    driver = ctypes.CDLL(LIBRARY)

    def kind(address: int) -> Kind:
        found = ctypes.c_uint()
        # An error: the driver has never heard of the address.
        if driver.cuPointerGetAttribute(ctypes.byref(found), _MEMORY_TYPE, ctypes.c_uint64(address)):
            return "pageable"
        return "pinned" if found.value == _HOST else None if found.value == _DEVICE else "pageable"

    return kind
