"""What earlier calls left on the host's stack.

The padding of a struct that a kernel takes by value is not written by anybody: it holds what happened to lie on the
stack, often a number of the call before. Two captures can differ there and run the same. Where the stack is overwritten
before each of them, they do not.
"""

import ctypes
from functools import cache

DEPTH_BYTES = 256 << 10
"""More than torch and its libraries go down from where an operator is called."""


@cache
def _block() -> type[ctypes.Structure]:
    return type("Block", (ctypes.Structure,), {"_fields_": [("bytes", ctypes.c_char * DEPTH_BYTES)]})


def overwrite_host_stack(byte: int) -> None:
    """Fill what lies below the caller's frame with `byte`: a struct of that size is passed by value, to nobody."""
    takes_anything = ctypes.CDLL(None).getpid
    takes_anything.argtypes = [_block()]
    takes_anything(_block()(bytes([byte]) * DEPTH_BYTES))
