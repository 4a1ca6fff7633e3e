"""A few bytes of a parameter, as a reader would write them."""

import struct

_LARGEST_PLAUSIBLE = {4: 1 << 24, 8: 1 << 48}


def number_of(word: bytes) -> str:
    """A number of one to eight bytes: what makes no sensible integer was a floating-point number."""
    integer = int.from_bytes(word, "little", signed=True)
    if abs(integer) <= _LARGEST_PLAUSIBLE.get(len(word), abs(integer)):
        return str(integer)
    return f"{struct.unpack('<d' if len(word) == 8 else '<f', word)[0]:g}"
