"""Where torch's operators arrive: views stay views, copies become copies, the rest become launches."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeGuard

import torch

from imp_graphcheck.device.sim import copies
from imp_graphcheck.device.sim.facts import facts_of
from imp_graphcheck.device.sim.gpu import current_gpu
from imp_graphcheck.device.sim.launches import launch
from imp_graphcheck.device.sim.streams import current_stream
from imp_graphcheck.device.sim.tensors import HOST_KEYS, empty, empty_strided, point, span_bytes
from imp_graphcheck.device.sim.work import Memset
from imp_graphcheck.device.stack import take_stack

aten = torch.ops.aten


def run_operator(op: torch._ops.OpOverload, *args: Any, **kwargs: Any) -> Any:
    """Every operator on a tensor of the software GPU arrives here."""
    facts = facts_of(op)
    special = _SPECIAL.get(facts.name)
    if special is not None:
        return special(op, *args, **kwargs)
    if facts.moves_no_data:
        return op.redispatch(HOST_KEYS, *args, **kwargs)
    return launch(op, args, kwargs)


# memory and copies


def _empty_memory_format(op: Any, size: Any, **options: Any) -> torch.Tensor:
    _refuse_pinning(options.get("pin_memory"))
    dtype = options.get("dtype") or torch.get_default_dtype()
    shape = tuple(map(int, size))
    strides = _strides(shape, options.get("memory_format"))
    return empty_strided(shape, strides, dtype, take_stack(2))


def _empty_strided(op: Any, size: Any, stride: Any, **options: Any) -> torch.Tensor:
    _refuse_pinning(options.get("pin_memory"))
    return empty_strided(size, stride, options.get("dtype") or torch.get_default_dtype(), take_stack(2))


def _resize(op: Any, tensor: torch.Tensor, size: Iterable[int], *, memory_format: Any = None) -> torch.Tensor:
    """Grow into new memory when the storage is too small; the old content moves along."""
    shape = tuple(map(int, size))
    if shape == tuple(tensor.shape):
        return tensor
    strides, offset = _strides(shape, memory_format), int(tensor.storage_offset())
    needed = span_bytes(shape, strides, tensor.dtype) + offset * tensor.element_size()
    storage = tensor.untyped_storage()
    if needed > storage.nbytes():
        grown = empty(needed)
        if storage.nbytes():
            copies.device_to_device(grown.data_ptr(), storage.data_ptr(), int(storage.nbytes()))
        storage = grown.untyped_storage()
    return point(tensor, storage, offset, shape, strides)


def _strides(shape: tuple[int, ...], memory_format: torch.memory_format | None) -> tuple[int, ...]:
    if memory_format not in (None, torch.contiguous_format):
        return torch.empty(shape, device="meta", memory_format=memory_format).stride()
    strides, step = [], 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))


def _copy_from(
    op: Any, source: torch.Tensor, target: torch.Tensor, non_blocking: bool = False
) -> torch.Tensor:
    return copies.copy(source, target, non_blocking)


def _copy_from_and_resize(op: Any, source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return copies.copy(source, target.resize_(source.shape), False)


def _zero(op: Any, tensor: torch.Tensor) -> torch.Tensor:
    if not tensor.is_contiguous():
        return tensor.fill_(0)
    size = tensor.numel() * tensor.element_size()
    if size:
        gpu, stream, stack = current_gpu(), current_stream().stream_id, take_stack(2)
        capturing = gpu.capture_of(stream) is not None
        with gpu.trace.calling(
            "cudaMemsetAsync", stream=stream, size_bytes=size, capturing=capturing, stack=stack
        ):
            gpu.enqueue(stream, Memset(tensor.data_ptr(), 0, size, stack))
    return tensor


def _is_pinned(op: Any, tensor: torch.Tensor, device: Any = None) -> bool:
    return False


def _pin_memory(op: Any, tensor: torch.Tensor, device: Any = None) -> torch.Tensor:
    raise RuntimeError(f"cannot pin '{tensor.type()}' only dense CPU tensors can be pinned")


def _refuse_pinning(pin_memory: bool | None) -> None:
    if pin_memory:
        raise RuntimeError("Only dense CPU tensors can be pinned")


# operators that depend on data only in some of their forms


def _index(op: Any, tensor: torch.Tensor, indices: Sequence[torch.Tensor | None], **out: Any) -> Any:
    return launch(op, (tensor, _numbered(indices)), out, asks_host=False)


def _put_at(
    op: Any,
    tensor: torch.Tensor,
    indices: Sequence[torch.Tensor | None],
    values: torch.Tensor,
    accumulate: bool = False,
    unsafe: bool = False,
) -> Any:
    """One number goes where a mask says without anybody counting."""
    if len(indices) == 1 and _is_mask(indices[0]) and values.dim() == 0 and not accumulate:
        mask = indices[0].reshape(indices[0].shape + (1,) * (tensor.dim() - indices[0].dim()))
        return launch(aten.masked_fill_.Tensor, (tensor, mask.bool(), values), {})
    return launch(op, (tensor, _numbered(indices), values, accumulate, unsafe), {})


def _numbered(indices: Sequence[torch.Tensor | None]) -> list[torch.Tensor | None]:
    """The same selection without masks. For each of them the host has to count the elements that are set."""
    numbers: list[torch.Tensor | None] = []
    for index in indices:
        if _is_mask(index):
            numbers.extend(index.nonzero().unbind(1))
        else:
            numbers.append(index)
    return numbers


def _is_mask(index: torch.Tensor | None) -> TypeGuard[torch.Tensor]:
    return index is not None and index.dtype in (torch.bool, torch.uint8)


def _repeat_interleave(op: Any, repeats: torch.Tensor, *, output_size: int | None = None) -> Any:
    """Who says how long the result is spares the host a look at the data."""
    return launch(op, (repeats,), {"output_size": output_size}, asks_host=output_size is None)


def _histogram(op: Any, tensor: torch.Tensor, *args: Any, **out: Any) -> Any:
    """Integers count on a GPU; the host's kernel takes only floating point."""
    if tensor.dtype.is_floating_point or out:
        return launch(op, (tensor, *args), out)
    return launch(op, (tensor.double(), *args), {}).to(tensor.dtype)


def _record_stream(op: Any, tensor: torch.Tensor, stream: torch.Stream) -> None:
    """Nothing to do: what a stream has yet to run on freed memory is not protected here."""


_SPECIAL: dict[str, Callable[..., Any]] = {
    "aten::empty": _empty_memory_format,
    "aten::empty_strided": _empty_strided,
    "aten::resize_": _resize,
    "aten::_copy_from": _copy_from,
    "aten::_copy_from_and_resize": _copy_from_and_resize,
    "aten::zero_": _zero,
    "aten::is_pinned": _is_pinned,
    "aten::_pin_memory": _pin_memory,
    "aten::index": _index,
    "aten::_index_put_impl_": _put_at,
    "aten::repeat_interleave": _repeat_interleave,
    "aten::histc": _histogram,
    "aten::record_stream": _record_stream,
}
