"""Names of torch that ask C++ for what a device in Python cannot provide.

Each is replaced by one that asks which device is meant, and behaves as before for every other one: `torch.Stream`,
`torch.Event`, `torch.Generator`, `torch.UntypedStorage`, `torch.accelerator` and the `pin_memory=` of factories.
"""

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch.utils import _device

from imp_graphcheck.device.sim import module as sim_module
from imp_graphcheck.device.sim.arguments import DEVICE_TYPE
from imp_graphcheck.device.sim.streams import (
    BaseEvent,
    BaseStream,
    SimEvent,
    SimStream,
    backward_on_current_stream,
    current_stream,
    set_stream,
)
from imp_graphcheck.device.sim.tensors import empty

BaseGenerator = torch.Generator
_base_new_storage: Callable[..., Any] = torch._C.StorageBase.__new__

_PINNABLE = (
    "empty", "zeros", "ones", "full", "rand", "randn", "randint", "randperm", "arange", "linspace", "eye", "tensor",
    "empty_like", "zeros_like", "ones_like", "full_like", "rand_like", "randn_like", "empty_strided",
)  # fmt: skip
"""Factories of torch that take `pin_memory`."""

_FROM_DATA = ("tensor", "as_tensor")
"""Factories that read Python data. Under a dispatch mode torch asserts that a device in Python is not their target."""


def replace_public_names() -> None:
    """Once for each process."""
    # torch lists the factories that `with torch.device(...)` applies to on first use, and looks them up by what
    # they are; it must list its own, not ours around them.
    _device._device_constructors()
    for name, replacement in (
        ("Stream", _routed("Stream", BaseStream, SimStream, _asks_for_us)),
        ("Event", _routed("Event", BaseEvent, SimEvent, _asks_for_us)),
        ("Generator", _routed("Generator", BaseGenerator, SimGenerator, _names_us)),
    ):
        setattr(torch, name, replacement)
    for name in _FROM_DATA:
        setattr(torch, name, _through_host(getattr(torch, name)))
    for name in _PINNABLE:
        setattr(torch, name, _with_pinning(getattr(torch, name)))
    for name, ours in _ACCELERATOR.items():
        theirs = getattr(torch.accelerator, name, None)
        if theirs is not None:
            setattr(torch.accelerator, name, _for_our_device(theirs, ours))
    setattr(torch.autograd, "_engine_run_backward", _with_stream(torch.autograd._engine_run_backward))  # type: ignore[attr-defined]  # noqa: B010
    setattr(torch.UntypedStorage, "__new__", _new_storage)  # noqa: B010 - mypy refuses the plain assignment


def _with_stream(run_backward: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(run_backward)
    def run(*args: Any, **kwargs: Any) -> Any:
        with backward_on_current_stream():
            return run_backward(*args, **kwargs)

    return run


class SimGenerator(BaseGenerator):
    """A generator of the software GPU: its numbers come from the host's algorithm."""

    def __new__(cls, device: Any = None) -> "SimGenerator":
        return super().__new__(cls, "cpu")  # type: ignore[call-arg]

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        return torch.device(DEVICE_TYPE, 0)


def _new_storage(cls: type[torch.UntypedStorage], *args: Any, device: Any = None, **kwargs: Any) -> Any:
    if device is not None and torch.device(device).type == DEVICE_TYPE:
        size = args[0] if args else 0
        if not isinstance(size, int):
            raise TypeError(f"torch.UntypedStorage on {DEVICE_TYPE} takes a number of bytes, not {size!r}")
        return empty(size).untyped_storage()
    if device is not None:
        kwargs["device"] = device
    return _base_new_storage(cls, *args, **kwargs)


def _with_pinning(factory: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    @functools.wraps(factory)
    def made(*args: Any, pin_memory: bool = False, **kwargs: Any) -> torch.Tensor:
        tensor = factory(*args, **kwargs)
        return tensor.pin_memory() if pin_memory else tensor

    return made


def _through_host(factory: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    @functools.wraps(factory)
    def made(*args: Any, device: Any = None, requires_grad: bool = False, **kwargs: Any) -> torch.Tensor:
        grad = {"requires_grad": True} if requires_grad else {}
        if device is None or not _is_ours(device):
            placed = {} if device is None else {"device": device}
            return factory(*args, **placed, **grad, **kwargs)
        tensor = factory(*args, device="cpu", **kwargs).to(device)
        return tensor.requires_grad_() if requires_grad else tensor

    return made


def _is_ours(device: Any) -> bool:
    if device is None or isinstance(device, int):
        accelerator = torch.accelerator.current_accelerator()
        return accelerator is not None and accelerator.type == DEVICE_TYPE
    return torch.device(device).type == DEVICE_TYPE


def _for_our_device(theirs: Callable[..., Any], ours: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(theirs)
    def call(*args: Any, **kwargs: Any) -> Any:
        subject = args[0] if args else next(iter(kwargs.values()), None)
        mine = isinstance(subject, SimStream) or (not isinstance(subject, BaseStream) and _is_ours(subject))
        return (ours if mine else theirs)(*args, **kwargs)

    return call


class _Routed(type):
    """Makes `ours` when the arguments ask for our device and `base` otherwise, and accepts both as instances."""

    base: type
    ours: type
    wanted: Callable[[tuple[Any, ...], dict[str, Any]], bool]

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, cls.base)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, cls.base)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return (cls.ours if cls.wanted(args, kwargs) else cls.base)(*args, **kwargs)

    def __getattr__(cls, name: str) -> Any:
        return getattr(cls.base, name)


def _routed(
    name: str, base: type, ours: type, wanted: Callable[[tuple[Any, ...], dict[str, Any]], bool]
) -> type:
    # staticmethod: called through the class, `wanted` must not be bound to it.
    body = {"base": base, "ours": ours, "wanted": staticmethod(wanted)}
    return _Routed(name, (), {**body, "__doc__": base.__doc__, "__module__": "torch"})


def _asks_for_us(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    if "stream_id" in kwargs:
        return False
    return _is_ours(kwargs.get("device", args[0] if args else None))


def _names_us(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    device = kwargs.get("device", args[0] if args else None)
    return device is not None and torch.device(device).type == DEVICE_TYPE


def _set_stream(stream: BaseStream) -> None:
    set_stream(stream)


_ACCELERATOR: dict[str, Callable[..., Any]] = {
    "current_stream": current_stream,
    "set_stream": _set_stream,
    "synchronize": sim_module.synchronize,
    "empty_cache": sim_module.empty_cache,
    "memory_allocated": sim_module.memory_allocated,
    "memory_reserved": sim_module.memory_reserved,
}
