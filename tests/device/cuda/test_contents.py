"""Device memory, copied through the driver's own library."""

import ctypes
from typing import Any

from imp_graphcheck.device.cuda.contents import copied_to_host


class FakeLibrary:
    """libcuda whose device memory is the host's."""

    def __init__(self, result: int = 0) -> None:
        self.result = result

    def cuMemcpyDtoH_v2(self, target: Any, source: Any, size: Any) -> int:  # noqa: N802 - the name is the driver's
        if self.result == 0:
            ctypes.memmove(target, source.value, size.value)
        return self.result


def test_the_bytes_come_back() -> None:
    memory = ctypes.create_string_buffer(b"\x01\x00\x02", 3)
    address = ctypes.addressof(memory)
    assert copied_to_host(address, 3, FakeLibrary()) == b"\x01\x00\x02"  # type: ignore[arg-type]
    assert copied_to_host(address + 1, 2, FakeLibrary()) == b"\x00\x02"  # type: ignore[arg-type]


def test_a_refusal_is_no_content() -> None:
    assert copied_to_host(0, 8, FakeLibrary(result=700)) is None  # type: ignore[arg-type]
