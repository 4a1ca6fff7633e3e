"""Tensors over memory we hand out by address, and the news of their death.

A DLPack capsule gives torch a plain tensor on any device over any address. So a tensor of the software GPU is an
ordinary `torch.Tensor`: views share its storage, and `data_ptr()` is the simulated address. When the last of them dies
its storage dies, and a weak reference to that tells the allocator at once. (The capsule's own deleter would not do: it
also runs while an exception travels through C++, where no Python may run, whereas weak references are called safely.)
"""

import ctypes
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.utils import dlpack

KDL_CPU = 1
KDL_EXTENSION = 12  # what DLPack calls torch's PrivateUse1

_INT, _UINT, _FLOAT, _BFLOAT, _COMPLEX, _BOOL = 0, 1, 2, 4, 5, 6


class _Device(ctypes.Structure):
    _fields_ = (("kind", ctypes.c_int32), ("index", ctypes.c_int32))


class _DataType(ctypes.Structure):
    _fields_ = (("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16))


class _Tensor(ctypes.Structure):
    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device", _Device),
        ("ndim", ctypes.c_int32),
        ("dtype", _DataType),
        ("shape", ctypes.c_void_p),
        ("strides", ctypes.c_void_p),
        ("byte_offset", ctypes.c_uint64),
    )


class _Managed(ctypes.Structure):
    _fields_ = (("tensor", _Tensor), ("context", ctypes.c_void_p), ("deleter", ctypes.c_void_p))


_CODES = {
    torch.float32: _DataType(_FLOAT, 32, 1),
    torch.float64: _DataType(_FLOAT, 64, 1),
    torch.float16: _DataType(_FLOAT, 16, 1),
    torch.bfloat16: _DataType(_BFLOAT, 16, 1),
    torch.int8: _DataType(_INT, 8, 1),
    torch.int16: _DataType(_INT, 16, 1),
    torch.int32: _DataType(_INT, 32, 1),
    torch.int64: _DataType(_INT, 64, 1),
    torch.uint8: _DataType(_UINT, 8, 1),
    torch.bool: _DataType(_BOOL, 8, 1),
    torch.complex64: _DataType(_COMPLEX, 64, 1),
    torch.complex128: _DataType(_COMPLEX, 128, 1),
}

TYPES = frozenset(_CODES)
"""Types that a capsule can carry in every version of DLPack; other tensors are made of bytes first."""

_new_capsule = ctypes.pythonapi.PyCapsule_New
_new_capsule.restype = ctypes.py_object
_new_capsule.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)

_idle: list[_Managed] = []
"""Headers between uses. They are never freed: torch looks at a header, for its deleter, when the storage dies."""

_watches: dict[int, "_Watch"] = {}


class _Watch(weakref.ref[torch.UntypedStorage]):
    """Calls `on_free` when the storage dies."""

    __slots__ = ("on_free",)

    on_free: Callable[[], None]


def _died(watch: "weakref.ref[torch.UntypedStorage]") -> None:
    _watches.pop(id(watch)).on_free()


def tensor_over(
    address: int,
    shape: Sequence[int],
    strides: Sequence[int],
    dtype: torch.dtype,
    *,
    kind: int,
    on_free: Callable[[], None],
) -> torch.Tensor:
    """A tensor of that layout at `address`; `on_free` runs when its storage is freed.

    `kind` is KDL_CPU or KDL_EXTENSION, `dtype` one of TYPES.
    """
    rank = len(shape)
    extents: Any = (ctypes.c_int64 * (2 * rank))(*shape, *strides)
    start = ctypes.addressof(extents)
    header = _idle.pop() if _idle else _Managed()
    header.tensor = (address, (kind, 0), rank, _CODES[dtype], start, start + 8 * rank, 0)
    tensor = dlpack.from_dlpack(_new_capsule(ctypes.addressof(header), b"dltensor", None))
    _idle.append(header)
    watch = _Watch(tensor.untyped_storage(), _died)
    watch.on_free = on_free
    _watches[id(watch)] = watch
    return tensor
