"""Which places of a program hold which tensors: `self.workspace`, `cache['slots']`, `WS.buf`.

A name turns an address into something a reader can look up, and two lists taken at different times show what was
replaced. Only containers and plain objects of the program are entered, to a fixed depth; nothing of it is called.
"""

import sys
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from imp_graphcheck.device.stack import belongs_to_program

MAX_DEPTH = 7
MAX_OBJECTS = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A place that holds a tensor: its name, and the first byte of the tensor's storage."""

    name: str
    address: int


def owners(roots: Mapping[str, Any]) -> tuple[Owner, ...]:
    """Every tensor that can be reached from `roots` (name -> object), under the first name that leads to it."""
    found: dict[str, Owner] = {}
    seen: set[int] = set()
    for name, root in roots.items():
        for place, tensor in _walk(name, root, 0, seen):
            found.setdefault(place, Owner(name=place, address=tensor.untyped_storage().data_ptr()))
    return tuple(found.values())


def _walk(name: str, value: Any, depth: int, seen: set[int]) -> Iterator[tuple[str, torch.Tensor]]:
    if isinstance(value, torch.Tensor):
        if value.numel() and value.layout == torch.strided and value.device.type != "meta":
            yield name, value
        return
    if depth == MAX_DEPTH or id(value) in seen or len(seen) > MAX_OBJECTS or not _may_hold(value):
        return
    seen.add(id(value))
    for suffix, item in _parts(value):
        yield from _walk(name + suffix, item, depth + 1, seen)


_PLAIN = (str, bytes, int, float, complex, type(None), torch.dtype, torch.device, types.ModuleType)


def _may_hold(value: Any) -> bool:
    if isinstance(value, (*_PLAIN, types.BuiltinFunctionType)):
        return False
    if isinstance(value, type | types.FunctionType):
        module = sys.modules.get(value.__module__)
        return belongs_to_program(getattr(module, "__file__", None) or "<unknown>")
    return True


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        yield from ((f"[{key!r}]", item) for key, item in list(value.items()))
        return
    if isinstance(value, list | tuple | set | frozenset):
        yield from ((f"[{index}]", item) for index, item in enumerate(list(value)))
        return
    if isinstance(value, types.MethodType):
        yield ".__self__", value.__self__
        return
    if isinstance(value, types.FunctionType):
        yield from _closure(value)
        return
    if isinstance(value, torch.nn.Module):
        yield from ((f".{key}", item) for key, item in value.named_parameters())
        yield from ((f".{key}", item) for key, item in value.named_buffers())
    yield from _attributes(value)


def _closure(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield f".{name}", cell.cell_contents
        except ValueError:  # a variable that was deleted, or not assigned yet
            continue


def _attributes(value: Any) -> Iterator[tuple[str, Any]]:
    held = getattr(value, "__dict__", None)
    if isinstance(value, type):
        yield from (
            (f".{name}", item) for name, item in list(vars(value).items()) if not name.startswith("__")
        )
        return
    if isinstance(held, Mapping):
        yield from ((f".{name}", item) for name, item in list(held.items()) if not name.startswith("__"))
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if not name.startswith("__") and hasattr(value, name):
                yield f".{name}", getattr(value, name)
