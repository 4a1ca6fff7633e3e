"""Which places of a program hold which tensors: `self.workspace`, `cache['slots']`, `WS.buf`.

A name turns an address into something a reader can look up, and two lists taken at different times show what was
replaced. Only containers and plain objects of the program are entered, to a fixed depth; nothing of it is called: what a
class of its own makes of iteration, lookup or a property is passed by.
"""

import functools
import gc
import sys
import types
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from imp_graphcheck.device.stack import belongs_to_program

MAX_DEPTH = 16
MAX_OBJECTS = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A place that holds a tensor: its name, and the first byte of the tensor's storage."""

    name: str
    address: int


def owners(roots: Mapping[str, Any]) -> tuple[Owner, ...]:
    """Every place that holds a tensor and can be reached from `roots` (name -> object), by the shortest way there."""
    found: dict[str, Owner] = {}
    for name, tensor in _walk(roots):
        found.setdefault(name, Owner(name=name, address=tensor.untyped_storage().data_ptr()))
    return tuple(found.values())


def _walk(roots: Mapping[str, Any]) -> Iterator[tuple[str, torch.Tensor]]:
    for name, value in reachable(roots):
        if (
            isinstance(value, torch.Tensor)
            and value.numel()
            and value.layout == torch.strided
            and value.device.type != "meta"
        ):
            yield name, value


def reachable(
    roots: Mapping[str, Any], *, enters: Callable[[Any], bool] = lambda _: True
) -> Iterator[tuple[str, Any]]:
    """Every object that can be reached from `roots`, once, by the shortest way there; a tensor by each of its ways.

    What `enters` refuses is passed by, with all that only it holds.
    """
    # In breadth: an object is entered once, and must not be met first at the end of a long way that stops there.
    level: list[tuple[str, Any]] = list(roots.items())
    seen: set[int] = set()
    for _ in range(MAX_DEPTH):
        below: list[tuple[str, Any]] = []
        for name, value in level:
            if isinstance(value, torch.Tensor):
                yield name, value
            elif id(value) not in seen and len(seen) <= MAX_OBJECTS and _may_hold(value) and enters(value):
                seen.add(id(value))
                yield name, value
                below.extend((name + suffix, item) for suffix, item in _parts(value) if _is_worth(item))
        level = below


_PLAIN = (str, bytes, int, float, complex, type(None), torch.dtype, torch.device, types.ModuleType)
_SEQUENCES: tuple[Any, ...] = (list, tuple, deque, set, frozenset)
_LRU_CACHE = type(functools.lru_cache(lambda: None))


def _is_worth(value: Any) -> bool:
    # What the collector does not track (numbers, strings, tuples of them) holds nothing that it tracks, such as a tensor.
    # A dict of numbers is not tracked either, and may be where a program counts.
    return gc.is_tracked(value) or type(value) is dict


def _may_hold(value: Any) -> bool:
    if isinstance(value, (*_PLAIN, types.BuiltinFunctionType)):
        return False
    if isinstance(value, type | types.FunctionType):
        module = sys.modules.get(value.__module__)
        return belongs_to_program(getattr(module, "__file__", None) or "<unknown>")
    return True


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, type):
        yield from _named(vars(value))
        return
    if isinstance(value, types.FunctionType):
        yield from _function(value)
        return
    if isinstance(value, types.MethodType):
        yield ".__self__", value.__self__
        return
    if isinstance(value, dict | types.MappingProxyType):
        items = list(dict.items(value) if isinstance(value, dict) else value.items())
        yield from (
            (f"[{_key(key, place)}]", item) for place, (key, item) in enumerate(items) if _is_worth(item)
        )
    for kind in _SEQUENCES:
        if isinstance(value, kind):
            yield from _numbered(list(kind.__iter__(value)))
    if isinstance(value, _LRU_CACHE):
        # What it caches is no attribute: the collector of the interpreter knows it.
        yield from ((f".cache{place}", item) for place, item in _numbered(gc.get_referents(value)))
    yield from _attributes(value)


def _key(key: Any, place: int) -> str:
    if isinstance(key, tuple):
        return f"({', '.join(_key(part, place) for part in key)})"
    return repr(key) if isinstance(key, _PLAIN) else f"{type(key).__name__} {place}"


def _numbered(items: Iterable[Any]) -> list[tuple[str, Any]]:
    return [(f"[{index}]", item) for index, item in enumerate(items) if _is_worth(item)]


def _named(held: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [
        (f".{name}", item)
        for name, item in list(held.items())
        if not name.startswith("__") and _is_worth(item)
    ]


def _function(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    """What a closure holds, and what stands for arguments that are not given."""
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield f".{name}", cell.cell_contents
        except ValueError:  # a variable that was deleted, or not assigned yet
            continue
    code, defaults = function.__code__, function.__defaults__ or ()
    names = code.co_varnames[code.co_argcount - len(defaults) : code.co_argcount]
    yield from _named(dict(zip(names, defaults, strict=False)))
    yield from _named(function.__kwdefaults__ or {})
    yield from _named(function.__dict__)


_OF_MODULES = ("_parameters", "_buffers", "_modules")


def _attributes(value: Any) -> Iterator[tuple[str, Any]]:
    held = getattr(value, "__dict__", None)
    if isinstance(held, dict):
        registered = _OF_MODULES if isinstance(value, torch.nn.Module) else ()
        for name in registered:
            # `self.net.weight` is how the program itself calls it.
            yield from _named(held.get(name, {}))
        yield from _named({name: item for name, item in held.items() if name not in registered})
    for kind in type(value).__mro__:
        for name, member in list(vars(kind).items()):
            if isinstance(member, types.MemberDescriptorType) and not name.startswith("__"):
                try:
                    yield f".{name}", member.__get__(value, kind)
                except AttributeError:  # a slot that is empty
                    continue
