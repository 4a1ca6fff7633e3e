"""Registration with torch. Everything that leans on torch's experimental or private API is in this module.

Used of it: `_setup_privateuseone_for_python_backend` (a device type without C++), a fallback kernel for its dispatch
key, and two CPU kernels for pinned memory. Where torch's Python surface asks for C++ hooks that a Python backend cannot
provide (`torch.Stream`, `torch.Event`, `torch.Generator`, `torch.accelerator`, `pin_memory=`), the public name is
replaced by one that asks which device is meant, and behaves as before for every other device.
"""

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch.utils import backend_registration

from imp_graphcheck.device.sim import module as sim_module
from imp_graphcheck.device.sim.gpu import current_gpu
from imp_graphcheck.device.sim.memory import dense_copy_layout
from imp_graphcheck.device.sim.operators import DEVICE_TYPE, run_operator
from imp_graphcheck.device.sim.streams import (
    BaseEvent,
    BaseStream,
    SimEvent,
    SimStream,
    current_stream,
    set_stream,
)

_libraries: list[torch.library.Library] = []

_PINNABLE = (
    "empty", "zeros", "ones", "full", "rand", "randn", "randint", "randperm", "arange", "linspace", "eye", "tensor",
    "empty_like", "zeros_like", "ones_like", "full_like", "rand_like", "randn_like", "empty_strided",
)  # fmt: skip
"""Factories of torch that take `pin_memory`."""


def enable() -> None:
    """Make `torch.device("sim")` work in this process. Does nothing the second time."""
    if _libraries:
        return
    backend_registration._setup_privateuseone_for_python_backend(DEVICE_TYPE, backend_module=sim_module)
    fallback = torch.library.Library("_", "IMPL")
    fallback.fallback(run_operator, "PrivateUse1")
    pinned = torch.library.Library("aten", "IMPL")
    pinned.impl("is_pinned", _is_pinned, "CPU")
    pinned.impl("_pin_memory", _pin_memory, "CPU")
    _libraries.extend((fallback, pinned))
    _replace_public_names()


def _is_pinned(tensor: torch.Tensor, device: torch.device | None = None) -> bool:
    return tensor.numel() > 0 and current_gpu().pinned.block_at(tensor.data_ptr()) is not None


def _pin_memory(tensor: torch.Tensor, device: torch.device | None = None) -> torch.Tensor:
    shape, strides = dense_copy_layout(tensor)
    raw = current_gpu().allocate_pinned(max(tensor.numel() * tensor.element_size(), 1))
    pinned = torch.empty(0, dtype=tensor.dtype).set_(raw.untyped_storage(), 0, shape, strides)
    return pinned.copy_(tensor)


def _replace_public_names() -> None:
    torch.Stream = _stream_class()  # type: ignore[misc]
    torch.Event = _event_class()  # type: ignore[misc]
    torch.Generator = _generator_class()  # type: ignore[misc]
    for name in _PINNABLE:
        setattr(torch, name, _with_pinning(getattr(torch, name)))
    for name, ours in _ACCELERATOR.items():
        theirs = getattr(torch.accelerator, name, None)
        if theirs is not None:
            setattr(torch.accelerator, name, _for_our_device(theirs, ours))


def _with_pinning(factory: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    @functools.wraps(factory)
    def made(*args: Any, pin_memory: bool = False, **kwargs: Any) -> torch.Tensor:
        tensor = factory(*args, **kwargs)
        return tensor.pin_memory() if pin_memory else tensor

    return made


def _is_ours(device: Any) -> bool:
    if device is None:
        accelerator = torch.accelerator.current_accelerator()
        return accelerator is not None and accelerator.type == DEVICE_TYPE
    if isinstance(device, int):
        return _is_ours(None)
    return torch.device(device).type == DEVICE_TYPE


def _for_our_device(theirs: Callable[..., Any], ours: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(theirs)
    def call(*args: Any, **kwargs: Any) -> Any:
        subject = args[0] if args else next(iter(kwargs.values()), None)
        mine = isinstance(subject, SimStream) or (not isinstance(subject, BaseStream) and _is_ours(subject))
        return (ours if mine else theirs)(*args, **kwargs)

    return call


def _routed(
    name: str, base: type, ours: type, wanted: Callable[[tuple[Any, ...], dict[str, Any]], bool]
) -> type:
    """A class that makes `ours` when the arguments ask for our device and `base` otherwise, and accepts both."""

    class Meta(type):
        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, base)

        def __subclasscheck__(cls, subclass: type) -> bool:
            return issubclass(subclass, base)

        def __call__(cls, *args: Any, **kwargs: Any) -> Any:
            return (ours if wanted(args, kwargs) else base)(*args, **kwargs)

    return Meta(name, (), {"__doc__": base.__doc__, "__module__": "torch"})


def _asks_for_us(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    if "stream_id" in kwargs:
        return False
    return _is_ours(kwargs.get("device", args[0] if args else None))


def _stream_class() -> type:
    return _routed("Stream", BaseStream, SimStream, _asks_for_us)


def _event_class() -> type:
    return _routed("Event", BaseEvent, SimEvent, _asks_for_us)


def _generator_class() -> type:
    base = torch.Generator

    class SimGenerator(base):  # type: ignore[misc, valid-type]
        """A generator of the software GPU: its numbers come from the host's algorithm."""

        def __new__(cls, device: Any = None) -> Any:
            return super().__new__(cls, "cpu")

        @property
        def device(self) -> torch.device:
            return torch.device(DEVICE_TYPE, 0)

    def wanted(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        device = kwargs.get("device", args[0] if args else None)
        return device is not None and torch.device(device).type == DEVICE_TYPE

    return _routed("Generator", base, SimGenerator, wanted)


_ACCELERATOR: dict[str, Callable[..., Any]] = {
    "current_stream": current_stream,
    "set_stream": lambda stream: (set_stream(stream), None)[1],
    "synchronize": lambda device=None: current_gpu().synchronize_device(),
    "empty_cache": lambda: current_gpu().empty_cache(),
    "memory_allocated": lambda device=None: current_gpu().allocator.allocated_bytes,
    "memory_reserved": lambda device=None: current_gpu().allocator.reserved_bytes,
}
