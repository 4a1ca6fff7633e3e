"""How a call of a torch operator becomes work: views stay views, copies become copies, the rest become launches."""

from typing import Any

import torch

from imp_graphcheck.device.sim import copies
from imp_graphcheck.device.sim.execute import AccessError, fill, tensors_in
from imp_graphcheck.device.sim.gpu import Gpu, current_gpu
from imp_graphcheck.device.sim.shapes import Layout, NoMetaKernel, out_layouts, result_layouts
from imp_graphcheck.device.sim.streams import current_stream
from imp_graphcheck.device.sim.tensors import HOST_KEYS, empty, empty_strided, operand_of, span_bytes
from imp_graphcheck.device.sim.work import Launch, Memset, Operand, Slot
from imp_graphcheck.device.stack import take_stack

DEVICE_TYPE = "sim"

_NO_DATA = frozenset({"aten::set_", "aten::is_set_to", "aten::record_stream"})


def run_operator(op: torch._ops.OpOverload, *args: Any, **kwargs: Any) -> Any:
    """Every operator on a tensor of the software GPU arrives here."""
    name = op._schema.name
    special = _SPECIAL.get(name)
    if special is not None:
        return special(op, *args, **kwargs)
    if op.is_view or name in _NO_DATA:
        return op.redispatch(HOST_KEYS, *args, **kwargs)
    return _launch(op, args, kwargs)


# launches


def _launch(op: torch._ops.OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    gpu, stream = current_gpu(), current_stream().stream_id
    gpu.require_alive()
    given = _Arguments(op, args, kwargs)
    if _needs_host(op):
        return _run_with_host(op, given, gpu, stream)
    _check_generator(op, given, gpu, stream)
    stack = take_stack(2)
    workspace = gpu.handles.prepare(op, gpu, stream)
    written = [
        tensor for tensor, operand in zip(given.tensors, given.operands, strict=True) if operand.written
    ]
    if written:
        given = _resize_outputs(op, given, written, args, kwargs)
        results: list[torch.Tensor] = []
    else:
        try:
            layouts = result_layouts(op, given.args, given.kwargs, given.operands)
        except NoMetaKernel:
            layouts = _layouts_by_running(op, given, gpu)
        results = [empty_strided(shape, strides, dtype) for dtype, shape, strides in layouts]
    if all(operand.span_bytes == 0 for operand in given.operands if operand.written) and written:
        return _returned(op, given, [])
    launch = Launch(
        op,
        given.args,
        _on_host(given.kwargs, gpu),
        tuple(given.operands),
        tuple(operand_of(tensor, "result", True) for tensor in results),
        stack,
        workspace,
    )
    gpu.trace.add(
        "cudaLaunchKernel", stream=stream, capturing=gpu.capture_of(stream) is not None, detail=launch.name
    )
    gpu.enqueue(stream, launch)
    return _returned(op, given, results)


class _Arguments:
    """The arguments of a call with tensors taken out and everything else frozen by value."""

    def __init__(self, op: torch._ops.OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.tensors: list[torch.Tensor] = []
        self.operands: list[Operand] = []
        self._op = op
        parameters = op._schema.arguments
        self.args = tuple(
            self._take(value, parameters[index].name, _writes(parameters[index]))
            for index, value in enumerate(args)
        )
        by_name = {parameter.name: parameter for parameter in parameters}
        self.kwargs = {
            name: self._take(value, name, _writes(by_name[name])) for name, value in kwargs.items()
        }

    def _take(self, value: Any, name: str, written: bool) -> Any:
        if isinstance(value, torch.Tensor):
            return self._tensor(value, name, written)
        if isinstance(value, list | tuple):
            return [self._take(item, f"{name}[{index}]", written) for index, item in enumerate(value)]
        return value

    def _tensor(self, tensor: torch.Tensor, name: str, written: bool) -> Any:
        if tensor.device.type != DEVICE_TYPE:
            if tensor.device.type == "cpu" and tensor.dim() == 0 and not written:
                return tensor.detach().clone()  # read by the host at launch: its value is frozen
            if tensor.device.type == "cpu" and name.startswith("indices"):
                tensor = tensor.to(DEVICE_TYPE)
            else:
                raise RuntimeError(
                    "Expected all tensors to be on the same device, but found at least two devices, "
                    f"{DEVICE_TYPE}:0 and {tensor.device}! (argument {name} of {self._op})"
                )
        self.tensors.append(tensor)
        self.operands.append(operand_of(tensor, name, written))
        return Slot(len(self.operands) - 1)


def _writes(parameter: Any) -> bool:
    return parameter.alias_info is not None and parameter.alias_info.is_write


def _resize_outputs(
    op: torch._ops.OpOverload,
    given: _Arguments,
    written: list[torch.Tensor],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> _Arguments:
    """An out= tensor without elements takes the shape of the result, as everywhere in torch."""
    if all(tensor.numel() for tensor in written):
        return given
    layouts = out_layouts(op, given.args, given.kwargs, given.operands)
    for tensor, (_, shape, _strides) in zip(written, layouts, strict=True):
        if tuple(tensor.shape) != shape:
            tensor.resize_(shape)
    return _Arguments(op, args, kwargs)


def _returned(op: torch._ops.OpOverload, given: _Arguments, results: list[torch.Tensor]) -> Any:
    """What the call returns: new tensors, or the arguments it wrote, in the schema's order."""
    returns = op._schema.returns
    if not returns:
        return None
    if not results:
        results = [
            tensor for tensor, operand in zip(given.tensors, given.operands, strict=True) if operand.written
        ]
    if len(returns) == 1:
        return results if "[]" in str(returns[0].type) or "List" in str(returns[0].type) else results[0]
    return tuple(results[: len(returns)])


def _layouts_by_running(op: torch._ops.OpOverload, given: _Arguments, gpu: Gpu) -> tuple[Layout, ...]:
    # No meta kernel: the shapes come from a run on the memory as it is, whose values are thrown away.
    result = op(
        *fill(given.args, _host_views(given, gpu)),
        **fill(_on_host(given.kwargs, gpu), _host_views(given, gpu)),
    )
    return tuple((tensor.dtype, tuple(tensor.shape), tuple(tensor.stride())) for tensor in tensors_in(result))


def _on_host(kwargs: dict[str, Any], gpu: Gpu) -> dict[str, Any]:
    """Keyword arguments as the CPU kernel needs them: its device, and our generator for the default one."""
    changed = {
        name: torch.device("cpu") if isinstance(value, torch.device) else value
        for name, value in kwargs.items()
    }
    if "generator" in changed and changed["generator"] is None:
        changed["generator"] = gpu.generator
    return changed


def _host_views(given: _Arguments, gpu: Gpu) -> list[torch.Tensor]:
    return [
        gpu.arena.view(operand.address, operand.dtype, operand.shape, operand.strides)
        for operand in given.operands
    ]


def _check_generator(op: torch._ops.OpOverload, given: _Arguments, gpu: Gpu, stream: int) -> None:
    if not any(parameter.name == "generator" for parameter in op._schema.arguments):
        return
    generator = given.kwargs.setdefault("generator", None)
    capture = gpu.capture_of(stream)
    # torch hands over another Python object than the caller's; the C++ generator behind both is the same.
    if generator is not None and capture is not None and generator._cdata not in capture.generators:
        raise RuntimeError("Attempt to increase offset for a CUDA generator not in capture mode.")


# operators whose answer the host needs


def _needs_host(op: torch._ops.OpOverload) -> bool:
    if torch.Tag.dynamic_output_shape in op.tags or torch.Tag.data_dependent_output in op.tags:
        return True
    returns = op._schema.returns
    return bool(returns) and not any("Tensor" in str(result.type) for result in returns)


def _run_with_host(op: torch._ops.OpOverload, given: _Arguments, gpu: Gpu, stream: int) -> Any:
    """The host waits for the device, looks at the data and decides what comes back (item, nonzero, masks, equal)."""
    copies.note_readback(gpu, stream, str(op))
    gpu.synchronize_stream(stream)
    views = _host_views(given, gpu)
    try:
        with torch.no_grad():
            result = op(*fill(given.args, views), **fill(_on_host(given.kwargs, gpu), views))
    except AccessError as error:  # pragma: no cover - views are checked by the allocator
        raise RuntimeError(error.reason) from error
    if isinstance(result, torch.Tensor):
        return copies.to_device_now(result, gpu, stream)
    if isinstance(result, list | tuple) and result and isinstance(result[0], torch.Tensor):
        return type(result)(copies.to_device_now(tensor, gpu, stream) for tensor in result)
    return result


# operators with a meaning of their own


def _empty_memory_format(op: Any, size: Any, **options: Any) -> torch.Tensor:
    meta = op(size, **{**options, "device": torch.device("meta"), "pin_memory": None})
    return empty_strided(meta.shape, meta.stride(), meta.dtype)


def _empty_strided(op: Any, size: Any, stride: Any, **options: Any) -> torch.Tensor:
    return empty_strided(size, stride, options.get("dtype") or torch.get_default_dtype())


def _resize(op: Any, tensor: torch.Tensor, size: Any, *, memory_format: Any = None) -> torch.Tensor:
    """Grow into new memory when the storage is too small; the old content moves along."""
    shape = [int(extent) for extent in size]
    strides = torch.empty(shape, device="meta").stride()
    needed = span_bytes(shape, strides, tensor.dtype) + tensor.storage_offset() * tensor.element_size()
    storage = tensor.untyped_storage()
    if needed > storage.nbytes():
        grown = empty(needed)
        if storage.nbytes():
            copies.device_to_device(grown.data_ptr(), storage.data_ptr(), storage.nbytes())
        storage = grown.untyped_storage()
    torch.ops.aten.set_.source_Storage_storage_offset.redispatch(
        HOST_KEYS, tensor, storage, tensor.storage_offset(), shape, strides
    )
    return tensor


def _copy_from(
    op: Any, source: torch.Tensor, target: torch.Tensor, non_blocking: bool = False
) -> torch.Tensor:
    return copies.copy(source, target, non_blocking)


def _copy_from_and_resize(op: Any, source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    target.resize_(source.shape)
    return copies.copy(source, target, False)


def _zero(op: Any, tensor: torch.Tensor) -> torch.Tensor:
    if not tensor.is_contiguous():
        return tensor.fill_(0)
    gpu, stream = current_gpu(), current_stream().stream_id
    size = tensor.numel() * tensor.element_size()
    gpu.trace.add(
        "cudaMemsetAsync", stream=stream, size_bytes=size, capturing=gpu.capture_of(stream) is not None
    )
    if size:
        gpu.enqueue(stream, Memset(tensor.data_ptr(), 0, size, take_stack(2)))
    return tensor


_SPECIAL = {
    "aten::empty": _empty_memory_format,
    "aten::empty_strided": _empty_strided,
    "aten::resize_": _resize,
    "aten::_copy_from": _copy_from,
    "aten::_copy_from_and_resize": _copy_from_and_resize,
    "aten::zero_": _zero,
}
