"""The process's own memory, out of the kernel's list of mappings."""

import ctypes

from imp_graphcheck.device.cuda.host_addresses import HostAddresses

MAPS = """\
00400000-00a00000 r-xp 00000000 08:01 1 /usr/bin/python3
555500000000-555500021000 rw-p 00000000 00:00 0 [heap]
7f0000000000-7f0000021000 ---p 00000000 00:00 0
7f1000000000-7f1000200000 rw-s 00000000 00:05 9 /dev/nvidia-uvm
7f2000000000-7f2000200000 rw-p 00000000 00:00 0
"""


def test_only_what_can_be_read_and_is_not_the_drivers() -> None:
    addresses = HostAddresses(MAPS)
    assert 0x5555_0000_0010 in addresses
    assert 0x7F20_0000_0000 in addresses
    assert 0x7F20_0020_0000 not in addresses
    assert 0x7F00_0000_0010 not in addresses
    assert 0x7F10_0000_0010 not in addresses


def test_small_numbers_are_numbers() -> None:
    assert 0x0050_0000 not in HostAddresses(MAPS)
    assert 512 not in HostAddresses(MAPS)


def test_this_process() -> None:
    buffer = ctypes.create_string_buffer(64)
    assert ctypes.addressof(buffer) in HostAddresses()
    assert (512 << 32 | 512) not in HostAddresses()
