"""Which places of a program hold a tensor, or a few, and can be bound to something else: `self.last_hidden`, `self.out[0]`.

Found as tensors are (`imp_graphcheck.target.owners`): nothing of the program is called.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from imp_graphcheck.target.owners import reachable


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """A place and what it is bound to now. `put` binds it to something else."""

    value: Any
    put: Callable[[Any], None]


def bindings(roots: Mapping[str, Any]) -> dict[str, Binding]:
    """The attributes, and the entries of dicts and lists, that hold a tensor or a plain container of tensors, by name."""
    found: dict[str, Binding] = {}
    for name, holder in reachable(roots):
        for suffix, binding in _places(holder):
            found.setdefault(name + suffix, binding)
    return found


def tensors_in(value: Any) -> Iterator[torch.Tensor]:
    """A tensor, or those in a plain container, one level deep."""
    if isinstance(value, torch.Tensor):
        yield value
        return
    items = value.values() if type(value) is dict else value if type(value) in (list, tuple) else ()
    yield from (item for item in list(items) if isinstance(item, torch.Tensor))


def _places(holder: Any) -> Iterator[tuple[str, Binding]]:
    if isinstance(holder, torch.Tensor | torch.nn.Module | type):
        return
    if type(holder) is dict:
        for key, value in list(holder.items()):
            if _holds(value):
                yield f"[{key!r}]", Binding(value=value, put=partial(dict.__setitem__, holder, key))
        return
    if type(holder) is list:
        for place, value in enumerate(holder):
            if _holds(value):
                yield f"[{place}]", Binding(value=value, put=partial(list.__setitem__, holder, place))
        return
    held = getattr(holder, "__dict__", None)
    if type(held) is dict:
        for key, value in list(held.items()):
            if not str(key).startswith("__") and _holds(value):
                yield f".{key}", Binding(value=value, put=partial(dict.__setitem__, held, key))


def _holds(value: Any) -> bool:
    return next(tensors_in(value), None) is not None
