"""Which shared library made the call of the driver that a callback is told of, and through which of its functions.

Torch's libraries do some things otherwise while they capture, and a math library sets up a handle by calls of the runtime that
say nothing of a handle. Only addresses are looked at: nothing is asked of the driver.
"""

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass

DEPTH = 64

_CUPTI = "libcupti.so"
_DRIVER = ("libcupti.so", "libcudart.so", "libcuda.so")


@dataclass(frozen=True, slots=True)
class NativeFrame:
    """`library` is the file name of a shared object without its version, `symbol` the exported name before the address."""

    library: str
    symbol: str


@dataclass(frozen=True, slots=True)
class NativeCaller:
    """`entry` is the function of `library` that was called from outside of it."""

    library: str = ""
    entry: str = ""


class NativeStack:
    """Reads the native stack of the thread that it is asked in. Raises OSError where the C library has no `backtrace`."""

    def __init__(self) -> None:
        process = ctypes.CDLL(None)
        try:
            self._backtrace, self._dladdr = process.backtrace, process.dladdr
        except AttributeError as error:
            raise OSError(f"the C library cannot tell native stacks: {error}") from error
        self._dladdr.argtypes = (ctypes.c_void_p, ctypes.POINTER(_DlInfo))
        self._known: dict[int, NativeFrame] = {}

    def caller(self) -> NativeCaller:
        """Who called the driver, seen from inside a callback of CUPTI."""
        return caller_in(self.frames())

    def frames(self) -> list[NativeFrame]:
        """Innermost first."""
        # Not shared between threads: another one may be asked meanwhile.
        addresses = (ctypes.c_void_p * DEPTH)()
        count = self._backtrace(addresses, DEPTH)
        return [self._frame(address or 0) for address in addresses[:count]]

    def _frame(self, address: int) -> NativeFrame:
        known = self._known.get(address)
        if known is None:
            info = _DlInfo()
            found = self._dladdr(address, ctypes.byref(info))
            library = _file_name(info.dli_fname) if found else ""
            symbol = (info.dli_sname or b"").decode(errors="replace") if found else ""
            known = self._known[address] = NativeFrame(library, symbol)
        return known


def caller_in(frames: Sequence[NativeFrame]) -> NativeCaller:
    """The first library outside of the driver's above the callback, and where it was entered; nothing where it is not seen."""
    libraries = [frame.library for frame in frames]
    if _CUPTI not in libraries:
        return NativeCaller()
    index = libraries.index(_CUPTI)
    while index < len(frames) and libraries[index] in _DRIVER:
        index += 1
    if index == len(frames):
        return NativeCaller()
    library, family = libraries[index], _family(libraries[index])
    while index + 1 < len(frames) and _family(libraries[index + 1]) == family:
        index += 1
    return NativeCaller(library, frames[index].symbol)


def _family(library: str) -> str:
    """Libraries that call each other below one function of theirs: libcublas and libcublasLt, the parts of cuDNN."""
    for name in ("libcublas", "libcudnn", "libcusolver", "libcusparse"):
        if library.startswith(name):
            return name
    return library


def _file_name(path: bytes | None) -> str:
    name = (path or b"").decode(errors="replace").rpartition("/")[2]
    head, found, _ = name.partition(".so")
    return head + found


class _DlInfo(ctypes.Structure):
    _fields_ = (
        ("dli_fname", ctypes.c_char_p),
        ("dli_fbase", ctypes.c_void_p),
        ("dli_sname", ctypes.c_char_p),
        ("dli_saddr", ctypes.c_void_p),
    )


FindCaller = Callable[[], NativeCaller]
