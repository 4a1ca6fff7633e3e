"""Tensors of the software GPU: made over allocations, named by address."""

from collections.abc import Iterable, Sequence

import torch

from imp_graphcheck.device.sim import dlpack
from imp_graphcheck.device.sim.gpu import current_gpu
from imp_graphcheck.device.sim.streams import current_stream
from imp_graphcheck.device.sim.work import Operand
from imp_graphcheck.device.stack import RawStack, take_stack

HOST_KEYS = torch._C.DispatchKeySet(torch._C.DispatchKey.CPU)
"""torch's CPU kernels of operators that touch no data (views, set_) do the same for any device."""

_SET = torch.ops.aten.set_.source_Storage_storage_offset


def empty(size_bytes: int) -> torch.Tensor:
    """A 1-D uint8 tensor of uninitialised device memory on the current stream."""
    return empty_strided((size_bytes,), (1,), torch.uint8, take_stack(2))


def empty_strided(
    shape: Iterable[int | torch.SymInt],
    strides: Iterable[int | torch.SymInt],
    dtype: torch.dtype,
    stack: RawStack = (),
) -> torch.Tensor:
    """An uninitialised tensor of that layout. Nothing is allocated for one without elements, as on a GPU."""
    extents, steps = tuple(map(int, shape)), tuple(map(int, strides))
    size = span_bytes(extents, steps, dtype)
    if not size:
        # create_empty_tensor is part of torch's experimental API for devices in Python.
        hollow = torch._C._acc.create_empty_tensor((0,), dtype)
        return point(hollow, hollow.untyped_storage(), 0, extents, steps)
    gpu, stream, stack = current_gpu(), current_stream().stream_id, stack or take_stack(2)
    if dtype in dlpack.TYPES:
        return gpu.allocate_tensor(
            size, stream=stream, stack=stack, shape=extents, strides=steps, dtype=dtype
        )
    storage = gpu.allocate_tensor(size, stream=stream, stack=stack).untyped_storage()
    return point(torch._C._acc.create_empty_tensor((0,), dtype), storage, 0, extents, steps)


def tensor_over(
    address: int, shape: tuple[int, ...], strides: tuple[int, ...], dtype: torch.dtype
) -> torch.Tensor:
    """A tensor of that layout over memory that somebody else owns."""
    if dtype in dlpack.TYPES:
        return dlpack.tensor_over(
            address, shape, strides, dtype, kind=dlpack.KDL_EXTENSION, on_free=lambda: None
        )
    size = span_bytes(shape, strides, dtype)
    whole = tensor_over(address, (size,), (1,), torch.uint8)
    return point(torch._C._acc.create_empty_tensor((0,), dtype), whole.untyped_storage(), 0, shape, strides)


def point(
    tensor: torch.Tensor,
    storage: torch.UntypedStorage,
    offset: int,
    shape: Sequence[int],
    strides: Sequence[int],
) -> torch.Tensor:
    """Let `tensor` be that view of `storage`. Returns it."""
    _SET.redispatch(HOST_KEYS, tensor, storage, offset, shape, strides)
    return tensor


def operand_of(tensor: torch.Tensor, name: str, written: bool) -> Operand:
    """`tensor` as an argument of a launch."""
    shape, strides, dtype = tuple(tensor.shape), tensor.stride(), tensor.dtype
    span = span_bytes(shape, strides, dtype)
    return Operand(name, tensor.data_ptr(), dtype, shape, strides, span, written)


def span_bytes(shape: tuple[int, ...], strides: tuple[int, ...], dtype: torch.dtype) -> int:
    """Bytes from the first element to the end of the last one in memory."""
    if 0 in shape:
        return 0
    last = 0
    for size, step in zip(shape, strides, strict=True):
        last += (size - 1) * step
    return (last + 1) * dtype.itemsize
