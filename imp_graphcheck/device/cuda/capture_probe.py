"""How far the capture of a stream has come, asked so often that the way of asking matters."""

import ctypes

from imp_graphcheck.device.cuda.graph_driver import Capture, DriverError
from imp_graphcheck.device.cuda.libcuda import LIBRARY

_ACTIVE = 1
_CALLS = ("cuStreamGetCaptureInfo_v3", "cuStreamGetCaptureInfo_v2")
"""The newer one also asks for the kinds of the edges, without which a driver may refuse graphs with programmatic launches."""


class CaptureProbe:
    """One call of the driver, whose answers always go to the same place.

    cuda-bindings makes ten objects of each answer. Raises OSError where there is no driver, DriverError where it refuses.
    """

    def __init__(self, library: ctypes.CDLL | None = None) -> None:
        library = ctypes.CDLL(LIBRARY) if library is None else library
        self._name = next((name for name in _CALLS if hasattr(library, name)), None)
        if self._name is None:
            raise DriverError(_CALLS[-1], "the driver does not have it")
        self._call = getattr(library, self._name)
        self._status, self._number, self._graph = ctypes.c_int(), ctypes.c_uint64(), ctypes.c_size_t()
        self._last = ctypes.POINTER(ctypes.c_size_t)()
        self._kinds, self._count = ctypes.c_void_p(), ctypes.c_size_t()
        with_kinds = (self._kinds,) if self._name == _CALLS[0] else ()
        answers = (self._status, self._number, self._graph, self._last, *with_kinds, self._count)
        self._answers = tuple(map(ctypes.byref, answers))

    def capture(self, stream: int) -> Capture | None:
        """What `stream` captures into; None where it does not, or where the capture has failed already."""
        result = self._call(ctypes.c_void_p(stream), *self._answers)
        if result != 0:
            raise DriverError(str(self._name), f"error {result}")
        if self._status.value != _ACTIVE:
            return None
        return Capture(self._number.value, self._graph.value, tuple(self._last[: self._count.value]))
