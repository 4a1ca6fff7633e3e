"""Kernel names as their source has them."""

import ctypes
from functools import lru_cache


@lru_cache(maxsize=4096)
def demangle(symbol: str) -> str:
    """The C++ name behind `symbol`; `symbol` itself where it is no mangled name or nothing here can tell."""
    if not symbol.startswith("_Z"):
        return symbol
    library = _cxx_library()
    if library is None:
        return symbol
    status = ctypes.c_int()
    # The answer is allocated with malloc and is ours: kept as an address, so that it can be freed.
    address = library["__cxa_demangle"](symbol.encode(), None, None, ctypes.byref(status))
    if not address:
        return symbol
    try:
        return ctypes.string_at(address).decode(errors="replace")
    finally:
        _free(address)


@lru_cache(maxsize=1)
def _cxx_library() -> ctypes.CDLL | None:
    """The C++ runtime, which is loaded wherever torch is; None where it goes by another name."""
    try:
        library = ctypes.CDLL("libstdc++.so.6")
    except OSError:
        return None
    function = library["__cxa_demangle"]
    function.restype = ctypes.c_void_p
    function.argtypes = (ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctypes.c_int))
    return library


def _free(address: int) -> None:
    ctypes.CDLL(None).free(ctypes.c_void_p(address))
