"""The sites of a tree, each with what is known of it: reached or not, how, under which conditions, and its fate."""

from collections.abc import Iterator
from dataclasses import replace

from imp_graphcheck.apis import judge
from imp_graphcheck.record.audit import AuditSite, CallClass, Step
from imp_graphcheck.source.conditions import fate_under, reach_of, words_of
from imp_graphcheck.source.cpp.facts import Call, Function
from imp_graphcheck.source.cpp.index import Index
from imp_graphcheck.source.cpp.reach import Reached, Walk
from imp_graphcheck.source.cpp.resolve import Resolver
from imp_graphcheck.source.cpp.sites import DIRECTIONS, Finder, Found


class Report:
    """`early` is what runs before the first capture."""

    def __init__(
        self, index: Index, resolver: Resolver, walk: Walk, reached: Reached, early: Reached
    ) -> None:
        self._index = index
        self._resolver = resolver
        self._walk = walk
        self._reached = reached
        self._early = early
        self._finder = Finder(index)

    def sites(self) -> Iterator[AuditSite]:
        seen = set()
        for number, function in enumerate(self._index.functions):
            if function.is_device:
                continue
            for found in self._finder.sites(function, self._resolver.calls(number)):
                site = self._site(number, function, self._in_callers(found, number, function))
                key = (site.file, site.line, site.api, site.kind)
                if key not in seen:
                    seen.add(key)
                    yield site

    def _in_callers(self, found: Found, number: int, function: Function) -> Found:
        """A copy whose direction is a parameter, with what the callers give."""
        words = _argument(found.call, found.api.direction_argument)
        position = next((at for at, each in enumerate(function.parameters) if each.name == words), None)
        if position is None or not words:
            return found
        callers = [edge.call for _, edge in self._reached.callers.get(number, ())]
        given = {kind for call in callers if (kind := _direction(_argument(call, position))) is not None}
        if not given:
            return found
        kinds = sorted(given, key=("h2d", "d2h", "d2d").index)
        note = f"its callers say {' and '.join(kinds)}" if len(kinds) > 1 else ""
        return replace(found, kind=kinds[0], note=note)

    def _site(self, number: int, function: Function, found: Found) -> AuditSite:
        way = self._reached.ways.get(number)
        own = self._walk.conditions(number, found.call)
        file, line, name = function.file, found.call.line, function.qualified
        if found.call.macro is not None and any(each.kind == "error" for each in own):
            # What a checking macro does after an error is said once, where the macro is defined.
            name, file, line = found.call.macro
        conditions = [*(way.conditions if way is not None else ()), *own]
        judged = judge(found.api, found.kind, host=found.host)
        fate, reason, notes = judged.fate, judged.reason, [found.note] if found.note else []
        reachable = reach_of(way, conditions, notes)
        fate, reason = fate_under(
            conditions, fate, reason, notes, early=self._early.ways.get, early_root=self._early_root
        )
        if reachable == "no":
            fate, reason = "harmless", "the entry does not lead here"
        return AuditSite(
            file=file,
            line=line,
            function=name,
            api=found.api.name,
            kind=found.kind,
            fate=fate,
            reachable=reachable,
            code=judged.code if fate != "harmless" else None,
            reason=reason,
            remedy=judged.remedy if fate != "harmless" else "",
            guard=words_of([*reversed(own), *reversed(way.conditions if way is not None else ())]),
            modes=judged.modes,
            chain=tuple(self._chain(number)),
            host=found.host,
            origins=("source",),
            notes=tuple(notes),
        )

    def _early_root(self, number: int) -> str:
        while (way := self._early.ways[number]).caller is not None:
            number = way.caller
        function = self._index.functions[number]
        return f"{function.qualified}() ({function.file}:{function.line})"

    def _chain(self, number: int) -> Iterator[Step]:
        steps = []
        here: int | None = number
        while here is not None and here in self._reached.ways:
            way = self._reached.ways[here]
            function = self._index.functions[here]
            caller = self._index.functions[way.caller].file if way.caller is not None else function.file
            steps.append(
                Step(
                    function=function.qualified,
                    file=caller,
                    line=way.call.line if way.call is not None else 0,
                )
            )
            here = way.caller
        return reversed(steps)


def _argument(call: Call, position: int | None) -> str:
    return call.arguments[position] if position is not None and position < len(call.arguments) else ""


def _direction(words: str) -> CallClass | None:
    return next((kind for end, kind in DIRECTIONS.items() if words.endswith(end)), None)
