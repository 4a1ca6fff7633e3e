"""What the driver says of a capture in progress, through a driver made of Python."""

import ctypes
from typing import Any

import pytest

from imp_graphcheck.device.cuda.capture_probe import CaptureProbe
from imp_graphcheck.device.cuda.graph_driver import Capture, DriverError


class OldDriver:
    """The stream is the status of its capture."""

    def __init__(self, result: int = 0) -> None:
        self.result = result
        self.last = (ctypes.c_size_t * 2)(100, 200)

    def cuStreamGetCaptureInfo_v2(  # noqa: N802 - the names are the driver's
        self, stream: Any, status: Any, number: Any, graph: Any, last: Any, count: Any
    ) -> int:
        status._obj.value = stream.value or 0
        number._obj.value, graph._obj.value, count._obj.value = 7, 4096, 2
        pointer = ctypes.pointer(self.last)
        ctypes.memmove(last, ctypes.byref(pointer), ctypes.sizeof(pointer))
        return self.result


class NewDriver(OldDriver):
    def cuStreamGetCaptureInfo_v3(  # noqa: N802
        self, stream: Any, status: Any, number: Any, graph: Any, last: Any, kinds: Any, count: Any
    ) -> int:
        assert isinstance(kinds._obj, ctypes.c_void_p)
        return self.cuStreamGetCaptureInfo_v2(stream, status, number, graph, last, count)


@pytest.mark.parametrize("driver", [OldDriver, NewDriver])
def test_a_capture_and_its_last_nodes(driver: type[OldDriver]) -> None:
    probe = CaptureProbe(driver())  # type: ignore[arg-type]
    assert probe.capture(1) == Capture(7, 4096, (100, 200))
    assert [probe.capture(status) for status in (0, 2)] == [None, None]


def test_a_refusal_is_raised() -> None:
    with pytest.raises(DriverError, match="cuStreamGetCaptureInfo_v3: error 3"):
        CaptureProbe(NewDriver(3)).capture(1)  # type: ignore[arg-type]
    with pytest.raises(DriverError, match="the driver does not have it"):
        CaptureProbe(object())  # type: ignore[arg-type]
