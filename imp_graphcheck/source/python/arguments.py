"""What a call is given, and to which parameters it goes."""

from dataclasses import dataclass, field

from imp_graphcheck.source.python.facts import Signature
from imp_graphcheck.source.python.values import (
    NUMBER,
    TEXT,
    UNKNOWN,
    Const,
    Device,
    Func,
    Group,
    Host,
    Options,
    Tensor,
    Unknown,
    Value,
    join,
    options_of,
)

_LONG_TEXT = 6
"""Switches are `true`, `0` or `off`; longer words are names, and every call has its own."""
_KEPT_TEXT = ("cpu", "cuda", "meta", "xpu", "mps")


@dataclass(slots=True)
class Arguments:
    """What a call is given. `is_open`: a `*` or `**` hides some."""

    positional: list[Value] = field(default_factory=list)
    named: dict[str, Value] = field(default_factory=dict)
    is_open: bool = False

    def get(self, position: int, name: str = "") -> Value | None:
        """The argument at `position`, or by `name`."""
        if name and name in self.named:
            return self.named[name]
        return self.positional[position] if 0 <= position < len(self.positional) else None


def bound_arguments(
    signature: Signature, func: Func, arguments: Arguments, *, skips_first: bool
) -> tuple[tuple[str, Value], ...]:
    """What the parameters of `func` are given, by their names; without those of which nothing is known."""
    places = signature.places[1:] if skips_first else signature.places
    positional = [*func.given, *arguments.positional]
    given: dict[str, Value] = dict(zip(places, positional, strict=False))
    if signature.rest and len(positional) > len(places):
        given[signature.rest] = Group("tuple", join(*positional[len(places) :]))
    known = {*places, *signature.by_name}
    for name, value in (*func.named, *arguments.named.items()):
        if name in known:
            given[name] = value
    if not arguments.is_open:
        for name, default in signature.defaults:
            if name not in given and name in known:
                given[name] = Const(default)
    kept = {name: _normal(value) for name, value in given.items()}
    return tuple(sorted((name, value) for name, value in kept.items() if not isinstance(value, Unknown)))


def _normal(value: Value, depth: int = 0) -> Value:
    """`value` as far as it makes a difference to a body, so that calls with other numbers are the same call."""
    match value:
        case Const(value=known, why=""):
            if known is None or isinstance(known, bool):
                return value
            if isinstance(known, str):
                return value if len(known) < _LONG_TEXT or known.startswith(_KEPT_TEXT) else TEXT
            return NUMBER
        case Host() | Device() | Tensor():
            return (
                Tensor(value.memory, value.is_bool, None, value.is_sure)
                if isinstance(value, Tensor)
                else value
            )
        case Group() if depth < 3:
            return Group(value.kind, _normal(value.element, depth + 1))
        case Group():
            return Group(value.kind, UNKNOWN)
        case Options() if depth < 3:
            return join(*(_normal(each, depth + 1) for each in options_of(value)))
        case Func() if depth < 2:
            return value
        case Func():
            return Func(value.number)
        case _:
            return value
