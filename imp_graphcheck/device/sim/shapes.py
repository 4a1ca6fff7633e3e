"""What an operator will return, without running it: torch's meta device, remembered per signature."""

from collections.abc import Hashable, Sequence
from typing import Any

import torch

from imp_graphcheck.device.sim.execute import fill, tensors_in
from imp_graphcheck.device.sim.work import Operand, Slot

Layout = tuple[torch.dtype, tuple[int, ...], tuple[int, ...]]

_NUMBERS = frozenset({int, float, complex, bool, type(None)})
_SEQUENCES = frozenset({list, tuple})
_ATOMS = frozenset({str, torch.dtype, torch.device, torch.layout, torch.memory_format})

_NO_FAKE = "There was no fake impl registered"
"""What torch says, with no class of its own, of a custom operator of which it knows only what it does."""

_CACHE_LIMIT = 8_192
_LONG_LIST = 64
_remembered: dict[Hashable, tuple[Layout, ...]] = {}


class NoMetaKernelError(Exception):
    """The operator cannot be run on the meta device."""


def result_layouts(
    op: torch._ops.OpOverload, args: Any, kwargs: dict[str, Any], operands: Sequence[Operand]
) -> tuple[Layout, ...]:
    """The layouts of what `op` returns, or, where it writes into operands, those that they have afterwards.

    Raises NoMetaKernelError, or what the operator itself raises for such arguments.
    """
    key = _signature(op, args, kwargs, operands)
    layouts = _remembered.get(key) if key is not None else None
    if layouts is None:
        layouts = _layouts(op, args, kwargs, operands)
        if key is not None:
            if len(_remembered) >= _CACHE_LIMIT:
                _remembered.clear()
            _remembered[key] = layouts
    return layouts


def _layouts(
    op: torch._ops.OpOverload, args: Any, kwargs: dict[str, Any], operands: Sequence[Operand]
) -> tuple[Layout, ...]:
    try:
        with torch.inference_mode():
            metas = [_meta(operand) for operand in operands]
            filled = {
                name: torch.device("meta") if isinstance(value, torch.device) else value
                for name, value in fill(kwargs, metas).items()
                if not isinstance(value, torch.Generator)
            }
            result = op(*fill(args, metas), **filled)
    except NotImplementedError as error:
        raise NoMetaKernelError(str(error)) from error
    except RuntimeError as error:
        if _NO_FAKE in str(error):
            raise NoMetaKernelError(str(error)) from error
        raise
    written = [meta for meta, operand in zip(metas, operands, strict=True) if operand.written]
    return tuple(layout_of(tensor) for tensor in written or tensors_in(result))


def layout_of(tensor: torch.Tensor) -> Layout:
    """The layout of a dense tensor."""
    return tensor.dtype, tuple(tensor.shape), tuple(tensor.stride())


def _meta(operand: Operand) -> torch.Tensor:
    return torch.empty_strided(operand.shape, operand.strides, dtype=operand.dtype, device="meta")


def _signature(
    op: torch._ops.OpOverload, args: Any, kwargs: dict[str, Any], operands: Sequence[Operand]
) -> Hashable | None:
    """Everything that the layouts depend on; None where that cannot be told cheaply."""
    frozen = _frozen(args), _frozen(tuple(kwargs.items()))
    if None in frozen:
        return None
    layouts = tuple(
        [(operand.dtype, operand.shape, operand.strides, operand.written) for operand in operands]
    )
    return op, torch.get_default_dtype(), *frozen, layouts


def _frozen(value: Any) -> Hashable | None:
    """A key for `value`; None for a long list, and for what has no value to compare (tensors, generators).

    Numbers carry their type along: 1, 1.0 and True are equal and promote differently.
    """
    kind = type(value)
    if kind is Slot:
        return value  # type: ignore[no-any-return]
    if kind in _NUMBERS:
        return kind, value
    if kind in _SEQUENCES:
        if len(value) > _LONG_LIST:
            return None
        items = tuple([_frozen(item) for item in value])
        return None if None in items else items
    return value if kind in _ATOMS else None
