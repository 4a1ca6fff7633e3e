"""Registration with torch.

What leans on torch's experimental or private API is here and in `dlpack`, `tensors` and `public_names`: a device type
without C++ (`_setup_privateuseone_for_python_backend`), a fallback kernel for its dispatch key, and kernels of single
operators for which torch would not ask the fallback.
"""

import functools
from typing import Any

import torch
from torch.utils import backend_registration

from imp_graphcheck.device.sim import module as sim_module
from imp_graphcheck.device.sim.arguments import DEVICE_TYPE
from imp_graphcheck.device.sim.gpu import current_gpu
from imp_graphcheck.device.sim.operators import run_operator
from imp_graphcheck.device.sim.public_names import replace_public_names
from imp_graphcheck.device.sim.recurrent import gru_cell, lstm_cell

aten = torch.ops.aten

_AUTOCAST_KEYS = torch._C.DispatchKeySet(torch._C._dispatch_key_parse("AutocastPrivateUse1"))
_COMPOSITE = torch._C.DispatchKey.CompositeExplicitAutograd

_libraries: list[Any] = []

_ONE_KERNEL = ("native_layer_norm", "native_group_norm", "_grouped_mm")
"""Operators that torch takes apart for a device it does not know, and that are one kernel on a GPU."""

_LOWER_PRECISION = ("linear", "matmul", "mm", "addmm", "bmm", "baddbmm", "mv", "scaled_dot_product_attention")
"""Operators whose arguments torch.autocast casts down."""


def enable() -> None:
    """Make `torch.device("sim")` work in this process. Does nothing the second time."""
    if _libraries:
        return
    backend_registration._setup_privateuseone_for_python_backend(DEVICE_TYPE, backend_module=sim_module)
    fallback: Any = torch.library.Library("_", "IMPL")  # type: ignore[no-untyped-call]
    fallback.fallback(run_operator, "PrivateUse1")
    fallback.fallback(torch.library.fallthrough_kernel, "AutocastPrivateUse1")
    kernels: Any = torch.library.Library("aten", "IMPL")  # type: ignore[no-untyped-call]
    _libraries.extend((fallback, kernels))
    for name in _ONE_KERNEL:
        kernels.impl(name, functools.partial(run_operator, getattr(aten, name).default), "PrivateUse1")
    kernels.impl("convolution_overrideable", _convolution, "PrivateUse1")
    kernels.impl("convolution_backward_overrideable", _convolution_backward, "PrivateUse1")
    kernels.impl("_thnn_fused_gru_cell", gru_cell, "PrivateUse1")
    kernels.impl("_thnn_fused_lstm_cell", lstm_cell, "PrivateUse1")
    kernels.impl("_to_copy", _to_copy, "PrivateUse1")
    for key in ("PrivateUse1", "AutogradPrivateUse1"):
        kernels.impl("scaled_dot_product_attention", _attention, key)
    for name in _LOWER_PRECISION:
        op = getattr(aten, name).default
        kernels.impl(name, functools.partial(_in_lower_precision, op), "AutocastPrivateUse1")
    for key in ("Conjugate", "Negative"):
        # Otherwise torch materialises the source by a copy, which is again a copy from such a source, without end.
        kernels.impl("_copy_from", torch.library.fallthrough_kernel, key)
    kernels.impl("is_pinned", _is_pinned, "CPU")
    kernels.impl("_pin_memory", _pin_memory, "CPU")
    replace_public_names()


def _convolution(*args: Any) -> torch.Tensor:
    return run_operator(aten.convolution.default, *args)  # type: ignore[no-any-return]


def _convolution_backward(
    gradient: torch.Tensor, source: torch.Tensor, weight: torch.Tensor, *rest: Any
) -> tuple[torch.Tensor | None, ...]:
    *geometry, wanted = rest
    bias_sizes = [gradient.shape[1]]
    results: Any = run_operator(
        aten.convolution_backward.default, gradient, source, weight, bias_sizes, *geometry, [True] * 3
    )
    return tuple(result if want else None for result, want in zip(results, wanted, strict=True))


def _attention(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
    """One kernel where nothing is differentiated nor dropped, as on a GPU; its parts otherwise."""
    op = aten.scaled_dot_product_attention.default
    mask, dropout = (
        (*args, None, 0.0)[:2] if args else (kwargs.get("attn_mask"), kwargs.get("dropout_p", 0.0))
    )
    tensors = (query, key, value) if mask is None else (query, key, value, mask)
    if dropout or (torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)):
        return op.decompose(query, key, value, *args, **kwargs)
    with torch._C._AutoDispatchBelowAutograd():
        return run_operator(op, query, key, value, *args, **kwargs)


def _in_lower_precision(op: torch._ops.OpOverload, *args: Any, **kwargs: Any) -> Any:
    dtype = torch.get_autocast_dtype(DEVICE_TYPE)

    def cast(value: Any) -> Any:
        eligible = isinstance(value, torch.Tensor) and value.dtype.is_floating_point and value.dim() > 0
        return value.to(dtype) if eligible else value

    with torch._C._ExcludeDispatchKeyGuard(_AUTOCAST_KEYS):
        return op(*map(cast, args), **{name: cast(value) for name, value in kwargs.items()})


def _to_copy(tensor: torch.Tensor, **options: Any) -> torch.Tensor:
    """As in torch, except that a download which the caller does not wait for goes into our pinned memory."""
    device, dtype = options.get("device"), options.get("dtype") or tensor.dtype
    if not (options.get("non_blocking") and device is not None and device.type == "cpu"):
        return aten._to_copy.default._op_dk(_COMPOSITE, tensor, **options)  # type: ignore[no-any-return]
    layout = options.get("memory_format") or torch.preserve_format
    like = torch.empty_like(tensor, dtype=dtype, device="meta", memory_format=layout)
    return _pinned(like).copy_(tensor, non_blocking=True)


def _is_pinned(tensor: torch.Tensor, device: torch.device | None = None) -> bool:
    return tensor.numel() > 0 and current_gpu().pinned.block_at(tensor.data_ptr()) is not None


def _pin_memory(tensor: torch.Tensor, device: torch.device | None = None) -> torch.Tensor:
    return _pinned(torch.empty_like(tensor, device="meta")).copy_(tensor)


def _pinned(like: torch.Tensor) -> torch.Tensor:
    """An uninitialised pinned tensor with the layout of `like`."""
    raw = current_gpu().allocate_pinned(max(like.numel() * like.element_size(), 1))
    return torch.empty(0, dtype=like.dtype).set_(raw.untyped_storage(), 0, like.shape, like.stride())
