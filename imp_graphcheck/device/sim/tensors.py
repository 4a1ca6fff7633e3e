"""Tensors of the software GPU: made over allocations, named by address."""

from typing import Any

import torch

from imp_graphcheck.device.sim.gpu import current_gpu
from imp_graphcheck.device.sim.streams import current_stream
from imp_graphcheck.device.sim.work import Operand
from imp_graphcheck.device.stack import take_stack

HOST_KEYS = torch._C.DispatchKeySet(torch._C.DispatchKey.CPU)
"""torch's CPU kernels of operators that touch no data (views, set_) do the same for any device."""


def empty(size_bytes: int) -> torch.Tensor:
    """A 1-D uint8 tensor of uninitialised device memory on the current stream."""
    stack = take_stack(2)
    return current_gpu().allocate_tensor(size_bytes, stream=current_stream().stream_id, stack=stack)


def empty_strided(shape: Any, strides: Any, dtype: torch.dtype) -> torch.Tensor:
    """An uninitialised tensor of that layout."""
    shape, strides = [int(size) for size in shape], [int(step) for step in strides]
    return _typed(empty(span_bytes(shape, strides, dtype)), shape, strides, dtype)


def operand_of(tensor: torch.Tensor, name: str, written: bool) -> Operand:
    """`tensor` as an argument of a launch."""
    shape, strides = tuple(tensor.shape), tuple(tensor.stride())
    return Operand(
        name,
        tensor.data_ptr(),
        tensor.dtype,
        shape,
        strides,
        span_bytes(shape, strides, tensor.dtype),
        written,
    )


def _typed(storage: torch.Tensor, shape: list[int], strides: list[int], dtype: torch.dtype) -> torch.Tensor:
    # create_empty_tensor lives in the experimental API; set_ gives it our storage and layout.
    tensor = torch._C._acc.create_empty_tensor([0], dtype)
    torch.ops.aten.set_.source_Storage_storage_offset.redispatch(
        HOST_KEYS, tensor, storage.untyped_storage(), 0, shape, strides
    )
    return tensor


def span_bytes(shape: Any, strides: Any, dtype: torch.dtype) -> int:
    """Bytes from the first element to the end of the last one in memory."""
    if any(size == 0 for size in shape):
        return 0
    last = sum((size - 1) * step for size, step in zip(shape, strides, strict=True))
    return int((last + 1) * dtype.itemsize)
