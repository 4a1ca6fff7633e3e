"""Which places of a program hold which numbers, words and switches: `engine.step_count`, `self.stats['tokens']`.

Found as tensors are (`imp_graphcheck.target.owners`): nothing of the program is called.
"""

import sys
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from imp_graphcheck.device.stack import belongs_to_program
from imp_graphcheck.target.owners import reachable

Scalar = int | float | bool | str
_KINDS = (int, float, bool, str)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place and what it holds now. `put` sets it; None where that cannot be done without calling the program."""

    value: Scalar
    put: Callable[[Scalar], None] | None = None


def scalars(roots: Mapping[str, Any]) -> dict[str, Place]:
    """Every place that holds a plain scalar and can be reached from `roots` (name -> object), by its name.

    Those are attributes and entries of dicts. What lists hold is content, not state, and is left out.
    """
    found = {name: Place(value=value) for name, value in roots.items() if type(value) in _KINDS}
    for name, holder in reachable(roots, enters=_is_of_program):
        for suffix, place in _places(holder):
            found.setdefault(name + suffix, place)
    return found


def same(one: Scalar, other: Scalar) -> bool:
    """Whether two values are one; NaN is NaN."""
    return type(one) is type(other) and (one == other or (one != one and other != other))


def _is_of_program(holder: Any) -> bool:
    """Whether it may hold the program's own: a graph of the program leads to the device, which counts for itself."""
    module = type(holder).__module__
    if module == "builtins" or issubclass(
        type(holder), torch.nn.Module
    ):  # torch's own, such as a list of layers
        return True
    file = getattr(sys.modules.get(module), "__file__", None)
    return file is None or belongs_to_program(file)


def _places(holder: Any) -> Iterator[tuple[str, Place]]:
    if isinstance(holder, torch.Tensor | types.ModuleType):
        return
    if isinstance(holder, type):
        yield from (
            (f".{name}", Place(value=value))
            for name, value in list(vars(holder).items())
            if type(value) in _KINDS and not name.startswith("__")
        )
        return
    if isinstance(holder, dict):
        yield from ((f"[{key!r}]", place) for key, place in _entries(holder) if type(key) in _KINDS)
    held = getattr(holder, "__dict__", None)
    if type(held) is dict:
        yield from ((f".{name}", place) for name, place in _entries(held) if not str(name).startswith("__"))
    for kind in type(holder).__mro__:
        for name, member in list(vars(kind).items()):
            if isinstance(member, types.MemberDescriptorType) and not name.startswith("__"):
                yield from _slot(name, member, holder, kind)


def _entries(held: dict[Any, Any]) -> Iterator[tuple[Any, Place]]:
    for key, value in list(dict.items(held)):
        if type(value) in _KINDS:
            yield key, Place(value=value, put=partial(dict.__setitem__, held, key))


def _slot(
    name: str, member: types.MemberDescriptorType, holder: Any, kind: type
) -> Iterator[tuple[str, Place]]:
    try:
        value = member.__get__(holder, kind)
    except AttributeError:  # a slot that is empty
        return
    if type(value) in _KINDS:
        yield f".{name}", Place(value=value, put=partial(member.__set__, holder))
