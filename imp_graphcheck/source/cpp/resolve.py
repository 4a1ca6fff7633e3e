"""Whom a call calls: names, scopes, receivers and argument counts, where nobody has run a compiler."""

from collections.abc import Iterator, Mapping, Sequence

from imp_graphcheck.source.cpp.edges import Edge, Unknown
from imp_graphcheck.source.cpp.facts import Call, Function
from imp_graphcheck.source.cpp.handovers import Handovers
from imp_graphcheck.source.cpp.index import Index, ends_with
from imp_graphcheck.source.cpp.macros import Expansion, expand
from imp_graphcheck.source.cpp.methods import Methods
from imp_graphcheck.source.cpp.objects import Objects
from imp_graphcheck.source.cpp.overloads import Overloads
from imp_graphcheck.source.cpp.types import parse_type

_LIBRARIES = frozenset(
    {"std", "thrust", "cub", "cute", "cutlass", "boost", "fmt", "nlohmann", "absl", "testing", "Eigen"}
)


class Resolver:
    """Edges out of functions, found when they are asked for."""

    def __init__(self, index: Index, expansions: Mapping[str, Sequence[Expansion]]) -> None:
        self._index = index
        self._expansions = expansions
        self._edges: dict[int, tuple[list[Edge], list[Unknown]]] = {}
        self._expanded: dict[int, list[Call]] = {}
        self._overloads = Overloads(index)
        self._objects = Objects(
            index, self._overloads, lambda call, function: self._called(call, function, [])
        )
        self._methods = Methods(index, self._edges_to)
        self._handovers = Handovers(index, expansions)

    def edges(self, number: int) -> tuple[list[Edge], list[Unknown]]:
        """Where the body of function `number` leads."""
        known = self._edges.get(number)
        if known is None:
            found: list[Edge] = []
            unknown: list[Unknown] = []
            function = self._index.functions[number]
            for call in self.calls(number):
                found += self._from(call, function, unknown)
            known = self._edges[number] = (found, unknown)
        return known

    def calls(self, number: int) -> list[Call]:
        """The calls of a body, those of its macros among them."""
        known = self._expanded.get(number)
        if known is None:
            known = []
            for call in self._index.functions[number].calls:
                known.append(call)
                known += self._of_macro(call, 0)
            self._expanded[number] = known
        return known

    def _of_macro(self, call: Call, depth: int) -> Iterator[Call]:
        if call.kind not in ("call", "macro") or call.receiver is not None or depth > 4:
            return
        for expansion in self._expansions.get(call.name, ()):
            if (expansion.macro.parameters is None) != (call.kind == "macro"):
                continue
            for each in expand(expansion, call):
                each.guards = call.guards
                each.inner = (*call.inner, *each.inner)
                yield each
                yield from self._of_macro(each, depth + 1)

    # one call

    def _from(self, call: Call, function: Function, unknown: list[Unknown]) -> Iterator[Edge]:
        match call.kind:
            case "call":
                yield from self._called(call, function, unknown)
            case "construct":
                yield from self._objects.constructed(call, function)
            case "destroy":
                yield from self._objects.destroyed(call, function)
            case "operator":
                yield from self._methods.operator(call, function)
            case "lambda":
                yield from self._handovers.given_lambda(call, function)
            case "mention":
                yield from self._handovers.mentioned(call, function)
            case "pointer":
                found = list(self._methods.called_object(call.receiver, call, function))
                if not found:
                    unknown.append(Unknown(call.name, call.arity, call.line))
                yield from found
            case "macro":
                return

    def _called(self, call: Call, function: Function, unknown: list[Unknown]) -> Iterator[Edge]:
        if call.receiver is not None:
            yield from self._methods.called(call, function, unknown)
        elif call.scope:
            yield from self._in_scope(call, function)
        elif call.name in self._expansions and not self._index.by_name.get(call.name):
            return
        else:
            yield from self._unqualified(call, function, unknown)

    def _unqualified(self, call: Call, function: Function, unknown: list[Unknown]) -> Iterator[Edge]:
        for here in self._index.around(function):
            number = here.lambdas.get(call.name)
            if number is not None:
                yield Edge(self._index.number(here.file, number), call, True)
                return
            if call.name in here.locals:
                yield from self._through_variable(call, here, function, unknown)
                return
        for each in self._index.own_class(function):
            found = self._methods.named(each, call.name)
            if found or self._methods.is_declared(each, call.name):
                yield from self._methods.chosen(found, call, function, each, is_exact=False)
                return
            if self._index.field(each, call.name) is not None:
                as_object = list(self._methods.called_object(("name", (), call.name), call, function))
                if not as_object:
                    unknown.append(Unknown(call.name, call.arity, call.line))
                yield from as_object
                return
        free = [
            number
            for number in self._index.by_name.get(call.name, ())
            if not self._index.functions[number].is_method
            and self._index.is_visible(self._index.functions[number], function.file)
        ]
        if free:
            yield from self._edges_to(self._overloads.nearest(free, function), call, function)
            return
        if call.name not in self._index.by_name and not self._index.class_of(call.name, function.scope):
            yield from self._for_parameter(call, function)
            return
        yield from self._objects.constructed(call, function)

    def _through_variable(
        self, call: Call, here: Function, function: Function, unknown: list[Unknown]
    ) -> Iterator[Edge]:
        as_object = list(self._methods.called_object(("name", (), call.name), call, function))
        if as_object:
            yield from as_object
            return
        if any(parameter.name == call.name for parameter in here.parameters):
            # Whoever hands a function over is charged with calling it.
            return
        unknown.append(Unknown(call.name, call.arity, call.line))

    def _in_scope(self, call: Call, function: Function) -> Iterator[Edge]:
        scope = tuple(name for name in call.scope if name)
        if scope and scope[0] in _LIBRARIES and not self._index.classes_named(scope):
            return
        if scope and scope[-1] in ("(field)",):
            return
        for each in self._index.class_of("::".join(scope), function.scope) if scope else ():
            found = self._methods.named(each, call.name)
            if found:
                yield from self._edges_to(found, call, function)
                return
        wanted = self._alias(scope)
        found = [
            number
            for number in self._index.by_name.get(call.name, ())
            if ends_with(self._index.functions[number].scope, wanted)
            and self._index.is_visible(self._index.functions[number], function.file)
        ]
        if not wanted:
            found = [number for number in found if not self._index.functions[number].is_method]
        if found:
            yield from self._edges_to(self._overloads.nearest(found, function), call, function)
            return
        for_parameter = list(self._for_parameter(call, function)) if len(scope) == 1 else []
        if for_parameter:
            yield from for_parameter
            return
        yield from self._objects.constructed(call, function)

    def _for_parameter(self, call: Call, function: Function) -> Iterator[Edge]:
        """`P::go()` and `F()`, where a template is given `P` or `F`."""
        given = self._index.given_to(function)
        if call.scope:
            kinds = [each for word in sorted(given) for each in self._index.classes.get(word, ())]
            numbers = self._methods.bodies(kinds, call)
        else:
            numbers = [
                number
                for word in sorted(given)
                for number in self._index.by_name.get(word, ())
                if self._index.takes(self._index.functions[number], call.arity)
            ]
        for number in numbers:
            yield Edge(number, call, True)

    def _alias(self, scope: tuple[str, ...]) -> tuple[str, ...]:
        if len(scope) == 1 and scope[0] in self._index.aliases:
            return parse_type(self._index.aliases[scope[0]]).path
        return scope

    def _edges_to(self, found: list[int], call: Call, function: Function) -> Iterator[Edge]:
        """Those of `found` that `call` may mean, and what their default arguments call."""
        fitting = self._overloads.fitting(found, call, function)
        certain = self._overloads.are_one(fitting)
        for number in fitting:
            why = "" if certain else f"{call.name}() has several overloads"
            yield Edge(number, call, certain, why, is_choice=not certain)
            for value in self._index.defaults(self._index.functions[number], call.arity):
                yield from self._objects.of_expression(value, call, self._index.functions[number])
