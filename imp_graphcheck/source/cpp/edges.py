"""What a resolver says of a call: where it leads, or that nobody knows."""

from dataclasses import dataclass

from imp_graphcheck.source.cpp.facts import Call

MOST_CANDIDATES = 12
"""Where a name may mean more functions than these, it says nothing."""


@dataclass(frozen=True, slots=True)
class Edge:
    """One way from a call to a function. Not `is_certain`: another one may be meant, or it may be called elsewhere.

    `is_choice`: it is not known which of the edges of this call is meant, and one of them is.
    """

    target: int
    call: Call
    is_certain: bool
    why: str = ""
    is_choice: bool = False


@dataclass(frozen=True, slots=True)
class Unknown:
    """A call that leads somewhere, and nobody knows where. `table` is the variable that the pointer comes from."""

    name: str
    arity: int
    line: int
    table: str = ""
