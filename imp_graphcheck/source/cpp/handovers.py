"""Functions that are handed over: called at once, later by who gets them, or by nobody that can be seen."""

import re
from collections.abc import Collection, Iterator

from imp_graphcheck.source.cpp.edges import MOST_CANDIDATES, Edge
from imp_graphcheck.source.cpp.facts import Call, Function
from imp_graphcheck.source.cpp.index import Index, ends_with
from imp_graphcheck.source.cpp.words import words

_RUNS_AT_ONCE = words(
    "for_each for_each_n transform sort stable_sort find_if find_if_not any_of all_of none_of count_if generate accumulate "
    "remove_if partition copy_if call_once invoke apply visit thread jthread async min_element max_element "
    "lower_bound upper_bound"
)


class Handovers:
    """Edges to functions and lambdas that are arguments. `macros` are the names of macros that call something."""

    def __init__(self, index: Index, macros: Collection[str]) -> None:
        self._index = index
        self._macros = macros

    def given_lambda(self, call: Call, function: Function) -> Iterator[Edge]:
        """A lambda that is run on the spot, kept, or an argument of `call`."""
        target = self._index.number(function.file, call.target)
        if not call.name or call.name in _RUNS_AT_ONCE or call.name in self._macros:
            yield Edge(target, call, True)
        elif call.name == "?":
            yield Edge(target, call, False, "it is kept, and called by whoever has it then")
        else:
            yield from self._handed_over(target, call, function)

    def mentioned(self, call: Call, function: Function) -> Iterator[Edge]:
        """A function that is named as an argument, to be called by who gets it."""
        for here in self._index.around(function):
            number = here.lambdas.get(call.name) if not call.scope else None
            if number is not None:
                yield from self._named_lambda(self._index.number(here.file, number), call, function)
                return
        found = [
            number
            for number in self._index.by_name.get(call.name, ())
            if not call.scope or ends_with(self._index.functions[number].scope, call.scope)
        ]
        found = [
            number for number in found if self._index.is_visible(self._index.functions[number], function.file)
        ]
        if not call.scope:
            found = [number for number in found if not self._index.functions[number].is_method]
        if not found or len(found) > MOST_CANDIDATES:
            return
        for number in found:
            if call.arguments:
                yield from self._handed_over(
                    number,
                    Call("mention", call.arguments[0], call.line, position=call.position, guards=call.guards),
                    function,
                )
            else:
                yield Edge(number, call, False, "its address is taken, and called by whoever has it then")

    def _named_lambda(self, target: int, call: Call, function: Function) -> Iterator[Edge]:
        if not call.arguments:
            yield Edge(target, call, False, "it is kept, and called by whoever has it then")
            return
        taker = call.arguments[0]
        if taker in self._macros:
            yield Edge(target, call, True)
            return
        handed = Call("mention", taker, call.line, position=call.position, guards=call.guards)
        for here in self._index.around(function):
            number = here.lambdas.get(taker)
            if number is not None:
                given = self._index.functions[self._index.number(here.file, number)]
                if call.position < len(given.parameters) and _calls_parameter(given, call.position):
                    yield Edge(target, handed, True)
                    return
        yield from self._handed_over(target, handed, function)

    def _handed_over(self, target: int, call: Call, function: Function) -> Iterator[Edge]:
        if call.name in _RUNS_AT_ONCE:
            yield Edge(target, call, True)
            return
        takers = [self._index.functions[number] for number in self._index.by_name.get(call.name, ())]
        takers = [taker for taker in takers if call.position < len(taker.parameters)]
        calling = [taker for taker in takers if _calls_parameter(taker, call.position)]
        if calling and len(calling) == len(takers):
            yield Edge(target, call, True)
        else:
            yield Edge(target, call, False, f"it is handed to {call.name}(), which may call it later")


def _calls_parameter(function: Function, position: int) -> bool:
    name = function.parameters[position].name
    return any(
        (call.kind == "call" and call.receiver is None and (call.name == name or _passes_on(call, name)))
        or (call.kind == "pointer" and re.search(rf"\b{re.escape(name)}\b", call.name) is not None)
        for call in function.calls
    )


def _passes_on(call: Call, name: str) -> bool:
    return name in call.arguments and call.name not in ("move", "forward")
