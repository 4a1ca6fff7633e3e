"""What earlier calls left on the host's stack.

The padding of a struct that a kernel takes by value is not written by anybody: it holds what happened to lie on the
stack, often a number of the call before. Two captures can differ there and run the same. Where the stack is overwritten
before each operator, they do not.
"""

import ctypes
from collections.abc import Callable
from functools import cache

DEPTH_BYTES = 32 << 10
"""More than torch and its libraries go down from where an operator is called; some microseconds' worth of copying."""

LEFT_BEHIND = 0x5A


def overwrite_host_stack() -> None:
    """Fill what lies below the caller's frame: a struct of that size is passed by value, to nobody."""
    call, block = _call_with_block()
    call(block)


@cache
def _call_with_block() -> tuple[Callable[[ctypes.Structure], int], ctypes.Structure]:
    kind = type("Block", (ctypes.Structure,), {"_fields_": [("bytes", ctypes.c_char * DEPTH_BYTES)]})
    takes_anything = ctypes.CDLL(None).getpid
    takes_anything.argtypes = [kind]
    return takes_anything, kind(bytes([LEFT_BEHIND]) * DEPTH_BYTES)
