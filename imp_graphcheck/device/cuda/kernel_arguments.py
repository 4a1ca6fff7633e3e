"""The bytes of a kernel's arguments, out of the memory that the node owns.

A launch gives them in one of two ways: as an array with one address per parameter, or packed into one buffer whose
address and size stand in a list of options (`extra`), as the large kernels of cuBLAS are launched.
"""

import ctypes
import struct
import sys
from collections.abc import Sequence

Layout = Sequence[tuple[int, int]]
"""Offset and size of each parameter."""

_END, _BUFFER, _SIZE = 0, 1, 2
"""CU_LAUNCH_PARAM_END, _BUFFER_POINTER and _BUFFER_SIZE: the keys of the options."""

_MOST_OPTIONS = 8

WORD = 8

_bytes = ctypes.string_at


def kernel_arguments(arguments: int, extra: int, layout: Layout) -> list[bytes]:
    """One byte string per parameter; empty where the node tells none.

    `arguments` and `extra` are the addresses in the node. A packed buffer that the layout does not fit is one parameter.
    """
    if arguments:
        return _separate(arguments, layout)
    if extra:
        return _split(_packed(extra), layout)
    return []


def _separate(array: int, layout: Layout) -> list[bytes]:
    if not layout:
        return []
    addresses = struct.unpack(f"={len(layout)}Q", _bytes(array, WORD * len(layout)))
    start = addresses[0] - layout[0][0]
    if addresses == tuple([start + offset for offset, _ in layout]):
        # As the driver keeps them: one buffer, laid out like the parameters. It is read at once.
        packed = _bytes(start, layout[-1][0] + layout[-1][1])
        return [packed[offset : offset + size] for offset, size in layout]
    return [
        _bytes(address, size) if address else b""
        for address, (_, size) in zip(addresses, layout, strict=True)
    ]


def _packed(options: int) -> bytes:
    """The buffer that the options name; empty where they name none."""
    buffer = size = 0
    for place in range(_MOST_OPTIONS):
        # Word by word: what lies after the end of the list is not ours to read.
        at = options + 2 * WORD * place
        key = _word(at)
        if key == _END:
            break
        if key == _BUFFER:
            buffer = _word(at + WORD)
        elif key == _SIZE:
            size = _word(_word(at + WORD))
    return _bytes(buffer, size) if buffer else b""


def _word(address: int) -> int:
    return int.from_bytes(_bytes(address, WORD), sys.byteorder)


def _split(packed: bytes, layout: Layout) -> list[bytes]:
    if layout and max(offset + size for offset, size in layout) <= len(packed):
        return [packed[offset : offset + size] for offset, size in layout]
    return [packed] if packed else []
