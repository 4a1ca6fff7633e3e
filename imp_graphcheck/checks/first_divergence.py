"""GC502 and GC503: two runs of the same operators, and the first that matters of those whose results differ.

What differs need not matter: padding that nobody reads, a value that is only stored. So the search goes backwards, from
the answers that differ through the operators that wrote what they were computed from, and names the first of these.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import NamedTuple

from imp_graphcheck.checks.numbers import NOISE_FACTOR


class Mark(NamedTuple):
    """What is kept of one tensor. `digest` tells any two contents apart; the rest is for the reader, and for noise.

    `largest` and `mean` are of the absolute values that are finite; `nonfinite` counts the others.
    """

    digest: tuple[int, ...]
    largest: float = 0.0
    mean: float = 0.0
    nonfinite: int = 0


class Region(NamedTuple):
    """Bytes that an operator read or wrote."""

    start: int
    end: int

    def meets(self, other: "Region") -> bool:
        return self.start < other.end and other.start < self.end

    def covers(self, other: "Region") -> bool:
        return self.start <= other.start and other.end <= self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """One operator of one run. `layouts`, `writes` and `marks` go together: one of each for each tensor it wrote."""

    op: str
    layouts: tuple[str, ...]
    reads: tuple[Region, ...]
    writes: tuple[Region, ...]
    marks: tuple[Mark | None, ...]

    @property
    def what(self) -> tuple[str, tuple[str, ...]]:
        """Equal for operators that do the same to tensors of the same shapes."""
        return self.op, self.layouts


def first_mismatch(eager: Sequence[Executed], graph: Sequence[Executed]) -> int | None:
    """The first place where the two runs are not of the same operators; None where they are all the same."""
    pairs = enumerate(zip_longest(eager, graph))
    return next(
        (place for place, (one, other) in pairs if one is None or other is None or one.what != other.what),
        None,
    )


def differs(eager: Mark | None, again: Mark | None, graph: Mark | None) -> bool:
    """Whether `graph` is further from `eager` than another eager run is. What was not looked at does not differ."""
    if eager is None or graph is None or eager.digest == graph.digest:
        return False
    if again is None or again.digest == eager.digest:
        return True
    if graph.nonfinite > max(eager.nonfinite, again.nonfinite):
        return True
    noise = max(abs(again.largest - eager.largest), abs(again.mean - eager.mean))
    return max(abs(graph.largest - eager.largest), abs(graph.mean - eager.mean)) > NOISE_FACTOR * noise


def diverged(
    eager: Sequence[Executed], again: Sequence[Executed], graph: Sequence[Executed], count: int
) -> set[int]:
    """Those of the first `count` operators that wrote something else in the graph."""
    return {
        place
        for place in range(count)
        if any(
            differs(*marks)
            for marks in zip(eager[place].marks, again[place].marks, graph[place].marks, strict=True)
        )
    }


def first_that_matters(
    graph: Sequence[Executed], different: set[int], ends: Sequence[Region], count: int
) -> int | None:
    """The earliest of `different` that what lies in `ends` was computed from, after the first `count` operators."""
    first: int | None = None
    seen: set[int] = set()
    pending = [(end, count) for end in ends]
    while pending:
        region, before = pending.pop()
        for place in writers(graph, region, before):
            if place in different and place not in seen:
                seen.add(place)
                first = place if first is None else min(first, place)
                pending.extend((read, place) for read in graph[place].reads)
    return first


def writers(graph: Sequence[Executed], region: Region, before: int) -> list[int]:
    """The operators before `before` whose results may still lie in `region`, the last first."""
    found = []
    for place in range(before - 1, -1, -1):
        meeting = [write for write in graph[place].writes if write.meets(region)]
        if meeting:
            found.append(place)
            if any(write.covers(region) for write in meeting):
                break
    return found
