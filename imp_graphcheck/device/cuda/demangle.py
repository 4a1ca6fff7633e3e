"""Kernel names as their source has them."""

import ctypes
from collections.abc import Callable
from functools import lru_cache


@lru_cache(maxsize=4096)
def demangle(symbol: str) -> str:
    """The C++ name behind `symbol`; `symbol` itself where it is no mangled name or nothing here can tell."""
    demangler = _demangler() if symbol.startswith("_Z") else None
    if demangler is None:
        return symbol
    status = ctypes.c_int()
    # The answer is allocated with malloc and is ours: kept as an address, so that it can be freed.
    address = demangler(symbol.encode(), None, None, ctypes.byref(status))
    if not address:
        return symbol
    try:
        return ctypes.string_at(address).decode(errors="replace")
    finally:
        ctypes.CDLL(None).free(ctypes.c_void_p(address))


@lru_cache(maxsize=1)
def _demangler() -> Callable[..., int | None] | None:
    """`__cxa_demangle` of the C++ runtime, which is loaded wherever torch is; None where it has another name."""
    try:
        function = ctypes.CDLL("libstdc++.so.6")["__cxa_demangle"]
    except OSError:
        return None
    function.restype = ctypes.c_void_p
    function.argtypes = (ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctypes.c_int))
    return function
