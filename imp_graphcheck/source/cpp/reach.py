"""Which functions a captured region gets to, by which chain of calls, and under which conditions."""

import heapq
import itertools
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

from imp_graphcheck.source.cpp.edges import Edge
from imp_graphcheck.source.cpp.facts import Call, Change, Function, Guard
from imp_graphcheck.source.cpp.guards import classify, unset_means
from imp_graphcheck.source.cpp.index import Index
from imp_graphcheck.source.cpp.resolve import Resolver
from imp_graphcheck.source.guard_class import RANK, GuardClass

_POINTER_CANDIDATES = 12
_SMALL_FUNCTION = 25
_MOST_CHOICES = 8
_MOST_BELOW = 200


@dataclass(frozen=True, slots=True)
class Condition:
    """A guard on the way, in which function it stands, and what kind of condition it is."""

    guard: Guard
    kind: GuardClass
    function: int


@dataclass(frozen=True, slots=True)
class Way:
    """How a function is reached best: the least doubtful chain, then the shortest.

    `caller` is None for an entry. `conditions` are those of the whole chain, outermost first, without the plain ones.
    """

    is_certain: bool
    rank: int
    length: int
    caller: int | None = None
    call: Call | None = None
    why: str = ""
    conditions: tuple[Condition, ...] = ()
    branches: int = 0
    """Plain conditions on the chain: choices that another run may make otherwise."""

    @property
    def cost(self) -> tuple[int, int, int]:
        return (not self.is_certain, self.rank, self.length)

    @property
    def cost_of_always(self) -> tuple[int, int, int, int]:
        return (not self.is_certain, self.rank, self.branches, self.length)


@dataclass(slots=True)
class Reached:
    """Every function that can be reached, with the way to it. `unknown` are the calls that nobody could follow."""

    ways: dict[int, Way] = field(default_factory=dict)
    callers: dict[int, list[tuple[int, Edge]]] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)


class Walk:
    """Walks from entries along the edges of a resolver."""

    def __init__(self, index: Index, resolver: Resolver) -> None:
        self._index = index
        self._resolver = resolver
        self._stop: frozenset[int] = frozenset()
        self._cost: Callable[[Way], tuple[int, ...]] = lambda way: way.cost
        self._environment: dict[tuple[int, str], bool | None] = {}
        self._below: dict[int, frozenset[int]] = {}
        self._of_guard: dict[tuple[int, int], Condition] = {}
        self._of_inner: dict[tuple[int, Guard], Condition] = {}

    def from_entries(
        self, entries: Sequence[int], *, stop: Collection[int] = (), always: bool = False
    ) -> Reached:
        """Everything that these functions lead to. Those in `stop` are not gone through.

        With `always`, a long way without choices is better than a short one with some.
        """
        reached = Reached()
        self._stop = frozenset(stop)
        self._cost = (lambda way: way.cost_of_always) if always else (lambda way: way.cost)
        pointers: dict[tuple[str, int], tuple[int, Call]] = {}
        start = [(number, Way(True, 0, 0, conditions=tuple(self.around(number)))) for number in entries]
        self._spread(reached, start, pointers)
        self._through_pointers(reached, pointers)
        return reached

    def _spread(
        self,
        reached: Reached,
        start: Sequence[tuple[int, Way]],
        pointers: dict[tuple[str, int], tuple[int, Call]],
    ) -> None:
        order = itertools.count()
        waiting = [(self._cost(way), next(order), number, way) for number, way in start]
        heapq.heapify(waiting)
        while waiting:
            _, _, number, way = heapq.heappop(waiting)
            if number in reached.ways:
                continue
            reached.ways[number] = way
            function = self._index.functions[number]
            if function.is_device or number in self._stop:
                continue
            edges, unknown = self._resolver.edges(number)
            for each in unknown:
                table = (each.table,) if each.table else ()
                call = Call("pointer", each.name, each.line, arity=each.arity, arguments=table)
                pointers.setdefault((each.name + each.table, each.arity), (number, call))
            for after, target in self._whichever(way, number, edges):
                if target not in reached.ways:
                    heapq.heappush(waiting, (self._cost(after), next(order), target, after))
            for edge in edges:
                reached.callers.setdefault(edge.target, []).append((number, edge))
                if edge.target not in reached.ways:
                    after = self._after(way, number, edge)
                    heapq.heappush(waiting, (self._cost(after), next(order), edge.target, after))

    def _whichever(self, way: Way, number: int, edges: Sequence[Edge]) -> Iterator[tuple[Way, int]]:
        """Where a call gets to in any case, though nobody knows which of its candidates is meant."""
        choices: dict[int, list[Edge]] = {}
        for edge in edges:
            if edge.is_choice:
                choices.setdefault(id(edge.call), []).append(edge)
        for group in choices.values():
            if len(group) > _MOST_CHOICES:
                continue
            common = frozenset.intersection(*(self._surely_below(edge.target) for edge in group))
            if not common:
                continue
            first = self._after(way, number, replace(group[0], is_certain=True))
            waiting = [(first, group[0].target)]
            seen = {group[0].target}
            while waiting:
                here, function = waiting.pop(0)
                for edge in self._resolver.edges(function)[0]:
                    if edge.is_certain and edge.target not in seen and len(seen) <= _MOST_BELOW:
                        seen.add(edge.target)
                        after = self._after(here, function, edge)
                        waiting.append((after, edge.target))
                        if edge.target in common:
                            yield after, edge.target

    def _surely_below(self, number: int) -> frozenset[int]:
        """Functions that this one leads to by certain edges, the nearest ones."""
        known = self._below.get(number)
        if known is None:
            seen, waiting = {number}, [number]
            while waiting and len(seen) <= _MOST_BELOW:
                here = waiting.pop(0)
                if self._index.functions[here].is_device:
                    continue
                for edge in self._resolver.edges(here)[0]:
                    if edge.is_certain and edge.target not in seen:
                        seen.add(edge.target)
                        waiting.append(edge.target)
            known = self._below[number] = frozenset(seen)
        return known

    def _after(self, way: Way, number: int, edge: Edge) -> Way:
        conditions = [*self.conditions(number, edge.call), *self.around(edge.target)]
        rank = max([way.rank, *(RANK[each.kind] for each in conditions)])
        return Way(
            is_certain=way.is_certain and edge.is_certain,
            rank=rank,
            length=way.length + 1,
            caller=number,
            call=edge.call,
            why=edge.why or way.why,
            conditions=(
                *way.conditions,
                *(each for each in conditions if each.kind not in ("none", "other")),
            ),
            branches=way.branches
            + sum(each.kind == "other" and each.guard.kind in ("if", "case") for each in conditions),
        )

    def _through_pointers(self, reached: Reached, pointers: dict[tuple[str, int], tuple[int, Call]]) -> None:
        """Calls through pointers: functions of that name whose address is taken. Otherwise the call is unknown."""
        taken = self._address_taken(reached.ways)
        done: set[tuple[str, int]] = set()
        while True:
            new = [key for key in pointers if key not in done]
            if not new:
                return
            for key in new:
                done.add(key)
                number, call = pointers[key]
                name = call.name.split("(")[0].split("->")[-1].split(".")[-1].strip("*& )")
                in_table = self._index.tables.get(call.arguments[0], ()) if call.arguments else ()
                targets = [
                    target
                    for target in taken
                    if (
                        _is_named_like(self._index.functions[target].name, name)
                        or self._index.functions[target].name in in_table
                    )
                    and self._index.takes(self._index.functions[target], call.arity)
                ]
                function = self._index.functions[number]
                if not targets or len(targets) > _POINTER_CANDIDATES:
                    reached.unknown.append(f"{function.file}:{call.line} {call.name}")
                    continue
                way = reached.ways[number]
                for target in targets:
                    place = self._index.mentioned.get(self._index.functions[target].name, "")
                    why = f"only through a pointer: {call.name}" + (
                        f", whose table is at {place}" if place else ""
                    )
                    edge = Edge(target, call, False, why)
                    reached.callers.setdefault(target, []).append((number, edge))
                    if target not in reached.ways:
                        self._spread(reached, [(target, self._after(way, number, edge))], pointers)

    def _address_taken(self, reached: Collection[int]) -> list[int]:
        names = set(self._index.mentioned)
        for number in reached:
            names.update(call.name for call in self._index.functions[number].calls if call.kind == "mention")
        return [
            number
            for name in names
            for number in self._index.by_name.get(name, ())
            if not self._index.functions[number].is_device
        ]

    # conditions

    def around(self, number: int) -> list[Condition]:
        """The conditions under which function `number` is compiled."""
        found = [Condition(guard, classify(guard), number) for guard in self._index.functions[number].outer]
        return [each for each in found if each.kind not in ("none", "other")]

    def conditions(self, number: int, call: Call) -> list[Condition]:
        """The conditions around a call in the body of function `number`."""
        function = self._index.functions[number]
        is_environment = self._environment_of(number, function)
        found = [self._of_macro(number, guard, is_environment) for guard in call.inner]
        for each in call.guards:
            condition = self._of_guard.get((number, each))
            if condition is None:
                guard = function.guards[each]
                kind = classify(guard, is_environment, is_transition=self._is_transition(each, function))
                condition = self._of_guard[number, each] = Condition(guard, kind, number)
            if condition.kind != "none":
                found.append(condition)
        return found

    def _of_macro(self, number: int, guard: Guard, is_environment: Callable[[str], bool | None]) -> Condition:
        known = self._of_inner.get((number, guard))
        if known is None:
            known = self._of_inner[number, guard] = Condition(guard, classify(guard, is_environment), number)
        return known

    def _is_transition(self, number: int, function: Function) -> bool:
        """Whether a variable that outlives the call is looked at by this guard and changed under it."""
        guard = function.guards[number]
        if guard.kind not in ("if", "return", "case"):
            return False
        words = _names(guard.text)
        return any(
            change.name in words and number in change.guards and self._outlives(change, function)
            for change in function.changes
        )

    def _outlives(self, change: Change, function: Function) -> bool:
        for here in self._index.around(function):
            local = here.locals.get(change.name)
            if local is not None:
                if local.is_static or "&" in local.type:
                    return True
                return change.is_through and "*" in local.type
        return True

    def _environment_of(self, number: int, function: Function) -> Callable[[str], bool | None]:
        def is_environment(name: str) -> bool | None:
            if (number, name) not in self._environment:
                self._environment[number, name] = self._said_by_environment(name, function)
            return self._environment[number, name]

        return is_environment

    def _said_by_environment(self, name: str, function: Function) -> bool | None:
        """What `name` is where no variable of the environment is set; None where none is asked."""
        for here in self._index.around(function):
            if name in here.locals:
                return self._said_by(here.locals[name].text)
        for each in self._index.own_class(function):
            found = self._index.field(each, name)
            if found is not None:
                return self._said_by(self._index.switch(name, function) or found.text)
        of_file = self._index.files[function.file].globals.get(name)
        if of_file is not None:
            return self._said_by(self._index.switch(name, function) or of_file.text)
        return False if self._asks_environment(name) else None

    def _said_by(self, text: str) -> bool | None:
        if "getenv" in text:
            return unset_means(text)
        called = re.fullmatch(r"!?\s*(?:\w+::)*(\w+)\([^()]*\)", text)
        if called is None or not self._asks_environment(called.group(1)):
            return None
        return text.startswith("!")

    def _asks_environment(self, name: str) -> bool:
        """Whether `name` is a small function that is there to read the environment."""
        return any(
            self._index.functions[each].reads_environment
            and self._index.functions[each].last_line - self._index.functions[each].line < _SMALL_FUNCTION
            for each in self._index.by_name.get(name, ())
        )


def _names(text: str) -> set[str]:
    cleaned = "".join(character if character.isalnum() or character == "_" else " " for character in text)
    return {word for word in cleaned.split() if not word[0].isdigit()}


def _is_named_like(function: str, pointer: str) -> bool:
    return bool(pointer) and (function == pointer or function.endswith("_" + pointer))
