"""What an operator will return, without running it: torch's meta device, remembered per signature."""

from typing import Any

import torch

from imp_graphcheck.device.sim.execute import fill, tensors_in
from imp_graphcheck.device.sim.work import Operand

Layout = tuple[torch.dtype, tuple[int, ...], tuple[int, ...]]

_CACHE_LIMIT = 20_000
_results: dict[Any, tuple[tuple[Layout, ...], type | None] | None] = {}


class NoMetaKernel(Exception):
    """The operator cannot be run on the meta device."""


def result_layouts(
    op: torch._ops.OpOverload, args: Any, kwargs: Any, operands: list[Operand]
) -> tuple[Layout, ...]:
    """The layouts of what the functional operator `op` returns. Raises NoMetaKernel, or what the operator raises."""
    key = _signature(op, args, kwargs, operands)
    if key is not None and key in _results:
        return _results[key][0]  # type: ignore[index]
    layouts = tuple(_layout(tensor) for tensor in tensors_in(_run(op, args, kwargs, operands)))
    if key is not None and len(_results) < _CACHE_LIMIT:
        _results[key] = (layouts, None)
    return layouts


def out_layouts(
    op: torch._ops.OpOverload, args: Any, kwargs: Any, operands: list[Operand]
) -> tuple[Layout, ...]:
    """The layouts that the written operands have after `op`, which may resize them."""
    metas = [_meta(operand) for operand in operands]
    _call(op, args, kwargs, metas)
    return tuple(_layout(meta) for meta, operand in zip(metas, operands, strict=True) if operand.written)


def _run(op: torch._ops.OpOverload, args: Any, kwargs: Any, operands: list[Operand]) -> Any:
    return _call(op, args, kwargs, [_meta(operand) for operand in operands])


def _call(op: torch._ops.OpOverload, args: Any, kwargs: Any, metas: list[torch.Tensor]) -> Any:
    filled = {
        name: torch.device("meta") if isinstance(value, torch.device) else value
        for name, value in fill(kwargs, metas).items()
        if not isinstance(value, torch.Generator)
    }
    try:
        with torch.no_grad():
            return op(*fill(args, metas), **filled)
    except NotImplementedError as error:
        raise NoMetaKernel(str(error)) from error


def _meta(operand: Operand) -> torch.Tensor:
    return torch.empty_strided(operand.shape, operand.strides, dtype=operand.dtype, device="meta")


def _layout(tensor: torch.Tensor) -> Layout:
    return tensor.dtype, tuple(tensor.shape), tuple(tensor.stride())


def _signature(op: torch._ops.OpOverload, args: Any, kwargs: Any, operands: list[Operand]) -> Any:
    layouts = tuple((operand.dtype, operand.shape, operand.strides) for operand in operands)
    key = (op, _frozen(args), _frozen(kwargs), layouts)
    try:
        hash(key)
    except TypeError:
        return None
    return key


def _frozen(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return tuple(_frozen(item) for item in value)
    if isinstance(value, dict):
        return tuple((name, _frozen(item)) for name, item in value.items())
    if isinstance(value, float | bool):
        return (type(value), value)
    return value
