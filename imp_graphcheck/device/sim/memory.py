"""Tensors over memory we hand out by address, and the news of their death.

A DLPack capsule gives torch a plain tensor on any device over any address, with a callback for when its storage is
freed. So a tensor of the software GPU is an ordinary `torch.Tensor`: views share its storage, `data_ptr()` is the
simulated address, and when the last of them dies the allocator hears of it at once.
"""

import ctypes
from collections.abc import Callable

import torch

KDL_CPU = 1
KDL_EXTENSION = 12  # what DLPack calls torch's PrivateUse1


class _Device(ctypes.Structure):
    _fields_ = [("kind", ctypes.c_int32), ("index", ctypes.c_int32)]


class _DataType(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16)]


class _Tensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device", _Device),
        ("ndim", ctypes.c_int32),
        ("dtype", _DataType),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]


class _Managed(ctypes.Structure):
    pass


_Deleter = ctypes.CFUNCTYPE(None, ctypes.POINTER(_Managed))
_Managed._fields_ = [("tensor", _Tensor), ("context", ctypes.c_void_p), ("deleter", _Deleter)]

_new_capsule = ctypes.pythonapi.PyCapsule_New
_new_capsule.restype = ctypes.py_object
_new_capsule.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]

_alive: dict[int, tuple[_Managed, object, object, Callable[[], None]]] = {}
"""What the C side points at, kept until its deleter runs."""


@_Deleter
def _delete(managed: "ctypes._Pointer[_Managed]") -> None:
    entry = _alive.pop(ctypes.addressof(managed.contents), None)
    if entry is not None:
        entry[3]()


def bytes_tensor(address: int, size_bytes: int, *, kind: int, on_free: Callable[[], None]) -> torch.Tensor:
    """A 1-D uint8 tensor over `size_bytes` at `address`; `on_free` runs when its storage is freed.

    `kind` is KDL_CPU or KDL_EXTENSION.
    """
    shape = (ctypes.c_int64 * 1)(size_bytes)
    strides = (ctypes.c_int64 * 1)(1)
    managed = _Managed()
    managed.tensor.data = address
    managed.tensor.device = _Device(kind, 0)
    managed.tensor.ndim = 1
    managed.tensor.dtype = _DataType(1, 8, 1)
    managed.tensor.shape = shape
    managed.tensor.strides = strides
    managed.tensor.byte_offset = 0
    managed.deleter = _delete
    key = ctypes.addressof(managed)
    _alive[key] = (managed, shape, strides, on_free)
    return torch.from_dlpack(_new_capsule(key, b"dltensor", None))


def dense_copy_layout(tensor: torch.Tensor) -> tuple[list[int], list[int]]:
    """Shape and strides of a dense copy of `tensor`."""
    meta = torch.empty_like(tensor, device="meta")
    return list(meta.shape), list(meta.stride())
