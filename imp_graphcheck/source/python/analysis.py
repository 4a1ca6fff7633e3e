"""What one reading of a function found: calls, sites, guards, and the values that it returns and stores."""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from imp_graphcheck.apis import ApiCall
from imp_graphcheck.record.audit import CallClass, HostMemory
from imp_graphcheck.source.guard_class import GuardClass
from imp_graphcheck.source.python.values import UNKNOWN, Value

GuardKind = Literal["if", "while", "case", "catch", "raise", "assert", "return", "once", "thread"]


class Context(NamedTuple):
    """A function as it is called: on which object, with which arguments (those that say anything), defined where."""

    number: int
    bound: Value | None = None
    given: tuple[tuple[str, Value], ...] = ()
    closure: int = -1


@dataclass(slots=True)
class Guard:
    """A condition under which code runs. `names` are those in it that outlive the call, `compares` whether a size, a
    value or a key is looked at. `return`: one under which the code is not reached, since the function was left.
    """

    kind: GuardKind
    text: str
    negated: bool
    line: int
    cls: GuardClass
    names: frozenset[str] = frozenset()
    compares: bool = False

    def __str__(self) -> str:
        if self.kind in ("catch", "raise", "once", "thread", "case"):
            return self.text
        return f"not ({self.text})" if self.negated else self.text


@dataclass(frozen=True, slots=True)
class Edge:
    """One way from a call to a function. Not `is_certain`: another one may be meant, or it may be called elsewhere."""

    target: Context
    line: int
    guards: tuple[int, ...]
    is_certain: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class RawSite:
    """A call that a capture minds, before anybody knows how it is reached. `harmless` says why it does nothing there."""

    line: int
    api: ApiCall
    kind: CallClass
    text: str
    guards: tuple[int, ...]
    host: HostMemory | None = None
    note: str = ""
    is_sure: bool = True
    harmless: str = ""
    caller: str = ""


@dataclass(frozen=True, slots=True)
class Store:
    """A name that outlives the call, and under which guards it is changed."""

    name: str
    guards: tuple[int, ...]


@dataclass(slots=True)
class Analysis:
    """`variables` are those of the function, `attributes` what it stores in its object."""

    context: Context
    id: int
    guards: list[Guard] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    sites: list[RawSite] = field(default_factory=list)
    stores: list[Store] = field(default_factory=list)
    unknown: list[tuple[str, int]] = field(default_factory=list)
    variables: dict[str, Value] = field(default_factory=dict)
    attributes: dict[str, Value] = field(default_factory=dict)
    returns: Value = UNKNOWN
    too_deep: bool = False
    is_cut: bool = False
    """Whether a call was too far away to be followed for the sake of its value."""
