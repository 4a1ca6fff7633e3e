"""Which functions a captured region gets to, by which chain of calls, and under which conditions."""

import heapq
import itertools
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from imp_graphcheck.source.guard_class import RANK, GuardClass
from imp_graphcheck.source.python.analysis import Analysis, Context, Edge, Guard
from imp_graphcheck.source.python.program import Program

_MOST_UNKNOWN = 2000


@dataclass(frozen=True, slots=True)
class Condition:
    """A guard on the way, in which function it stands, and what kind of condition it is."""

    guard: Guard
    kind: GuardClass
    function: int

    def __hash__(self) -> int:
        return id(self.guard)


@dataclass(frozen=True, slots=True)
class Way:
    """How a function is reached best: the least doubtful chain, then the shortest.

    `caller` is None for an entry. `conditions` are those of the whole chain, outermost first, without the plain ones.
    `branches` counts the plain ones: choices that another run may make otherwise.
    """

    is_certain: bool
    rank: int
    length: int
    caller: Context | None = None
    edge: Edge | None = None
    why: str = ""
    conditions: tuple[Condition, ...] = ()
    branches: int = 0

    @property
    def cost(self) -> tuple[int, ...]:
        return (not self.is_certain, self.rank, self.length)

    @property
    def cost_of_always(self) -> tuple[int, ...]:
        return (not self.is_certain, self.rank, self.branches, self.length)


@dataclass(slots=True)
class Reached:
    """Every context that can be reached, with the way to it, and the best way to each function.

    `unknown` are the calls that nobody could follow.
    """

    ways: dict[Context, Way] = field(default_factory=dict)
    best: dict[int, Context] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)

    def way(self, number: int) -> Way | None:
        """The best way to a function."""
        context = self.best.get(number)
        return self.ways[context] if context is not None else None


class Walk:
    """Walks from entries along the calls of a program."""

    def __init__(self, program: Program) -> None:
        self._program = program

    def from_entries(
        self, entries: Sequence[Context], *, stop: Collection[int] = (), always: bool = False
    ) -> Reached:
        """Everything that these functions lead to. Those in `stop` are not gone through.

        With `always`, a long way without choices is better than a short one with some.
        """
        reached = Reached()
        cost: Callable[[Way], tuple[int, ...]] = (
            (lambda way: way.cost_of_always) if always else (lambda way: way.cost)
        )
        order = itertools.count()
        start = Way(True, 0, 0)
        waiting = [(cost(start), next(order), context, start) for context in entries]
        heapq.heapify(waiting)
        while waiting:
            _, _, context, way = heapq.heappop(waiting)
            if context in reached.ways:
                continue
            reached.ways[context] = way
            reached.best.setdefault(context.number, context)
            if context.number in stop:
                continue
            analysis = self._program.analyse(context)
            if analysis is None:
                continue
            if way.is_certain and len(reached.unknown) < _MOST_UNKNOWN:
                file = self._program.index.functions[context.number].file
                reached.unknown += [f"{file}:{line} {text}" for text, line in analysis.unknown]
            for edge in analysis.edges:
                if edge.target not in reached.ways:
                    after = self._after(way, context, edge, analysis)
                    heapq.heappush(waiting, (cost(after), next(order), edge.target, after))
        return reached

    def has_first_calls(self, reached: Reached) -> bool:
        """Whether anything on the way to a site is done once, so that it matters who did it before."""
        for context, way in reached.ways.items():
            analysis = self._program.analyse(context)
            if analysis is None or not analysis.sites:
                continue
            kinds = {each.kind for each in way.conditions}
            kinds |= {analysis.guards[each].cls for site in analysis.sites for each in site.guards}
            if kinds & {"first call", "growth"}:
                return True
        return False

    def _after(self, way: Way, context: Context, edge: Edge, analysis: Analysis) -> Way:
        conditions = conditions_of(analysis, edge.guards, context.number)
        return Way(
            is_certain=way.is_certain and edge.is_certain,
            rank=max([way.rank, *(RANK[each.kind] for each in conditions)]),
            length=way.length + 1,
            caller=context,
            edge=edge,
            why=edge.why or way.why,
            conditions=(*way.conditions, *(each for each in conditions if each.kind != "other")),
            branches=way.branches
            + sum(each.kind == "other" and each.guard.kind in ("if", "case", "while") for each in conditions),
        )


def conditions_of(analysis: Analysis, guards: Sequence[int], number: int) -> list[Condition]:
    """The conditions that the guards of a call are, those that always hold left out."""
    found = [Condition(analysis.guards[each], analysis.guards[each].cls, number) for each in guards]
    return [each for each in found if each.kind != "none"]
