"""The bytes of a kernel's arguments, out of the memory that the node owns.

A launch gives them in one of two ways: as an array with one address per parameter, or packed into one buffer whose
address and size stand in a list of options (`extra`), as the large kernels of cuBLAS are launched.
"""

import ctypes
from collections.abc import Sequence

Layout = Sequence[tuple[int, int]]
"""Offset and size of each parameter."""

_END, _BUFFER, _SIZE = 0, 1, 2
"""CU_LAUNCH_PARAM_END, _BUFFER_POINTER and _BUFFER_SIZE: the keys of the options."""

_MOST_OPTIONS = 8


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
    addresses = (ctypes.c_uint64 * len(layout)).from_address(array)
    return [
        ctypes.string_at(address, size) if address else b""
        for address, (_, size) in zip(addresses, layout, strict=True)
    ]


def _packed(options: int) -> bytes:
    """The buffer that the options name; empty where they name none."""
    words = (ctypes.c_uint64 * (2 * _MOST_OPTIONS)).from_address(options)
    buffer = size = 0
    for place in range(_MOST_OPTIONS):
        # Element by element: what lies after the end of the list is not ours to read.
        key = words[2 * place]
        if key == _END:
            break
        if key == _BUFFER:
            buffer = words[2 * place + 1]
        elif key == _SIZE:
            size = ctypes.c_size_t.from_address(words[2 * place + 1]).value
    return ctypes.string_at(buffer, size) if buffer else b""


def _split(packed: bytes, layout: Layout) -> list[bytes]:
    if layout and max(offset + size for offset, size in layout) <= len(packed):
        return [packed[offset : offset + size] for offset, size in layout]
    return [packed] if packed else []
