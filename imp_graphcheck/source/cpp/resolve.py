"""Whom a call calls: names, scopes, receivers and argument counts, where nobody has run a compiler."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from imp_graphcheck.source.cpp.edges import Edge, Unknown
from imp_graphcheck.source.cpp.facts import Call, Class, Expr, Function
from imp_graphcheck.source.cpp.index import Index, is_header, is_test
from imp_graphcheck.source.cpp.macros import Expansion, expand
from imp_graphcheck.source.cpp.objects import Objects
from imp_graphcheck.source.cpp.types import is_placeholder, parse_type
from imp_graphcheck.source.cpp.words import words

_LIBRARIES = frozenset(
    {"std", "thrust", "cub", "cute", "cutlass", "boost", "fmt", "nlohmann", "absl", "testing", "Eigen"}
)
_EVERYWHERE = words(
    "begin end size empty clear reset get data push_back emplace_back insert erase find count at front back resize reserve "
    "c_str str swap release load store lock unlock wait notify_one notify_all join detach first second length append substr "
    "value has_value what name type id print format write read open close flush next prev min max ptr shape dim dims numel "
    "emplace pop push pop_back top exchange fetch_add fetch_sub compare_exchange_strong good fail is_open eof"
)
"""Method names that say nothing of the class, because every library has them."""

_RUNS_AT_ONCE = words(
    "for_each for_each_n transform sort stable_sort find_if find_if_not any_of all_of none_of count_if generate accumulate "
    "remove_if partition copy_if call_once invoke apply visit thread jthread async min_element max_element "
    "lower_bound upper_bound"
)
_MOST_CANDIDATES = 12


class Resolver:
    """Edges out of functions, found when they are asked for."""

    def __init__(self, index: Index, expansions: Mapping[str, Sequence[Expansion]]) -> None:
        self._index = index
        self._expansions = expansions
        self._edges: dict[int, tuple[list[Edge], list[Unknown]]] = {}
        self._expanded: dict[int, list[Call]] = {}
        self._objects = Objects(
            index, self._by_types, lambda call, function: self._called(call, function, [])
        )

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
                yield from self._operator(call, function)
            case "lambda":
                yield from self._lambda(call, function)
            case "mention":
                yield from self._mentioned(call, function)
            case "pointer":
                found = list(self._called_object(call.receiver, call, function))
                if not found:
                    unknown.append(Unknown(call.name, call.arity, call.line))
                yield from found
            case "macro":
                return

    def _called(self, call: Call, function: Function, unknown: list[Unknown]) -> Iterator[Edge]:
        if call.receiver is not None:
            yield from self._method(call, function, unknown)
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
            found = self._methods_of(each, call.name)
            if found or self._is_declared(each, call.name):
                yield from self._chosen(found, call, function, each, is_exact=False)
                return
            if self._index.field(each, call.name) is not None:
                as_object = list(self._called_object(("name", (), call.name), call, function))
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
            yield from self._overload(self._nearest(free, function), call, function)
            return
        if call.name not in self._index.by_name and not self._index.class_of(call.name, function.scope):
            yield from self._for_parameter(call, function)
            return
        yield from self._objects.constructed(call, function)

    def _operator(self, call: Call, function: Function) -> Iterator[Edge]:
        """`a = b` and the like, where the class of `a` says what that is."""
        kind = self._index.type_of(call.values[0], function)
        if not kind or parse_type(kind).stars or parse_type(kind).is_number:
            return
        for each in self._index.class_of(kind, function.scope)[:1]:
            found = self._methods_of(each, call.name)
            if found:
                yield from self._overload(found, call, function)

    def _called_object(self, value: Expr | None, call: Call, function: Function) -> Iterator[Edge]:
        """`layer(x)` and `(*layers[i])(x)`, where the object has an `operator()`."""
        kind = self._index.type_of(value, function) if value is not None else ""
        if not kind or parse_type(kind).stars or parse_type(kind).is_smart_pointer:
            return
        for each in self._index.class_of(kind, function.scope)[:1]:
            found = self._methods_of(each, "operator()")
            if found or self._is_declared(each, "operator()"):
                as_method = replace(call, name="operator()", receiver=value)
                yield from (
                    replace(edge, call=call)
                    for edge in self._chosen(found, as_method, function, each, is_exact=False)
                )

    def _through_variable(
        self, call: Call, here: Function, function: Function, unknown: list[Unknown]
    ) -> Iterator[Edge]:
        as_object = list(self._called_object(("name", (), call.name), call, function))
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
            found = self._methods_of(each, call.name)
            if found:
                yield from self._overload(found, call, function)
                return
        wanted = self._alias(scope)
        found = [
            number
            for number in self._index.by_name.get(call.name, ())
            if _ends_with(self._index.functions[number].scope, wanted)
            and self._index.is_visible(self._index.functions[number], function.file)
        ]
        if not wanted:
            found = [number for number in found if not self._index.functions[number].is_method]
        if found:
            yield from self._overload(self._nearest(found, function), call, function)
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
            numbers = self._bodies(kinds, call)
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

    def _method(self, call: Call, function: Function, unknown: list[Unknown]) -> Iterator[Edge]:
        assert call.receiver is not None
        kind = self._index.type_of(call.receiver, function)
        classes = self._index.class_of(kind, function.scope)
        if classes:
            for each in classes[:1]:
                found = self._methods_of(each, call.name)
                if found or self._is_declared(each, call.name):
                    yield from self._chosen(
                        found, call, function, each, is_exact=self._is_exact(call, kind, function)
                    )
                elif self._index.field(each, call.name) is not None:
                    unknown.append(Unknown(call.name, call.arity, call.line, _variable(call.receiver)))
            return
        name = parse_type(kind).name
        if name not in ("auto", "") and not is_placeholder(name):
            return  # an object of a library
        if name not in ("auto", ""):
            known = list(self._as_derived(call, function))
            if known:
                yield from known
                return
        if call.name in _EVERYWHERE or not call.name:
            return
        found = [
            number
            for number in self._index.by_name.get(call.name, ())
            if self._index.functions[number].is_method
            and self._index.takes(self._index.functions[number], call.arity)
        ]
        owners = {self._index.functions[number].scope for number in found}
        if len(owners) == 1:
            yield from self._overload(found, call, function)
        elif len(owners) <= _MOST_CANDIDATES:
            for number in found:
                yield Edge(number, call, False, f"the type of the object of {call.name}() is not known")

    def _as_derived(self, call: Call, function: Function) -> Iterator[Edge]:
        """The methods of classes that are derived from `function`'s own, and given to it as its parameter."""
        for own in self._index.own_class(function):
            for child in self._index.derived_from(own):
                if any(child.name in parse_type(base).arguments for base in child.bases):
                    is_made = self._index.is_made(child)
                    for number in self._bodies([child], call):
                        yield Edge(number, call, is_made, "" if is_made else f"nothing makes a {child.name}")

    def _is_exact(self, call: Call, kind: str, function: Function) -> bool:
        """Whether the object is one of exactly this class: a variable, no pointer and no reference."""
        receiver = call.receiver
        return (
            receiver is not None
            and receiver[0] == "name"
            and not parse_type(kind).stars
            and not parse_type(kind).is_smart_pointer
        )

    def _is_declared(self, each: Class, name: str) -> bool:
        return any(name in here.methods for here in self._index.bases_of(each))

    def _methods_of(self, each: Class, name: str) -> list[int]:
        for here in self._index.bases_of(each):
            found = self._index.methods(here, name)
            if found:
                return found
        return []

    def _chosen(
        self, found: list[int], call: Call, function: Function, each: Class, *, is_exact: bool
    ) -> Iterator[Edge]:
        """The method of `each` or, where it is virtual, of what the object may be."""
        is_virtual = any(
            method.is_virtual
            for here in self._index.bases_of(each)
            for method in here.methods.get(call.name, ())
        )
        if not is_virtual or is_exact:
            yield from self._overload(found, call, function)
            return
        family = [each, *self._index.derived_from(each)]
        bodies = self._bodies(family, call)
        if not is_test(function.file):
            bodies = [
                number for number in bodies if not is_test(self._index.functions[number].file)
            ] or bodies
        name = _variable(call.receiver)
        dynamic = self._index.dynamic_types(name, function.scope) if name else []
        known = {kind.qualified for kind in family}
        held = [kind for kind in dynamic if kind.qualified in known]
        why = f"{call.name}() is virtual"
        if held:
            certain = set(self._bodies(held, call))
            why += ", and something else is held here where it can be seen"
        else:
            certain = set(self._bodies([kind for kind in family if self._index.is_made(kind)], call))
            why += ", and nothing in the tree makes an object of this class"
        if len({self._index.functions[number].scope for number in bodies}) == 1:
            certain = set(bodies)
        for number in bodies:
            yield Edge(number, call, number in certain, "" if number in certain else why)

    def _bodies(self, kinds: Sequence[Class], call: Call) -> list[int]:
        """What `call` runs on objects of these classes."""
        found = sorted({number for kind in kinds for number in self._methods_of(kind, call.name)})
        functions = self._index.functions
        return [number for number in found if self._index.takes(functions[number], call.arity)] or found

    # choices

    def _nearest(self, found: list[int], function: Function) -> list[int]:
        """Those whose namespace is nearest to that of the caller; not those of tests, where the caller is none."""
        functions = self._index.functions
        is_from_test = is_test(function.file)
        own = [number for number in found if is_test(functions[number].file) == is_from_test]
        found = own or found
        same = [
            number
            for number in found
            if functions[number].is_file_local and functions[number].file == function.file
        ]
        found = same or found
        lengths = [
            len(functions[number].scope)
            if functions[number].scope == function.scope[: len(functions[number].scope)]
            else -1
            for number in found
        ]
        longest = max(lengths)
        if longest <= 0:
            return found
        return [number for number, length in zip(found, lengths, strict=True) if length == longest]

    def _overload(self, found: list[int], call: Call, function: Function) -> Iterator[Edge]:
        functions = self._index.functions
        fitting = [number for number in found if self._index.takes(functions[number], call.arity)]
        if not fitting:
            if any("..." in text for text in call.arguments) or len(found) == 1:
                fitting = found
            else:
                return
        if len(fitting) > 1:
            fitting = self._by_template(fitting, call)
        if len(fitting) > 1:
            fitting = self._by_types(fitting, call, function)
        if len(fitting) > 1:
            near = [number for number in fitting if functions[number].file == function.file]
            fitting = near if len(near) == 1 and not is_header(function.file) else fitting
        certain = len({_signature(functions[number]) for number in fitting}) == 1
        for number in fitting:
            why = "" if certain else f"{call.name}() has several overloads"
            yield Edge(number, call, certain, why, is_choice=not certain)
            for value in self._index.defaults(functions[number], call.arity):
                yield from self._objects.of_expression(value, call, functions[number])

    def _by_template(self, found: list[int], call: Call) -> list[int]:
        """The specialisation whose template arguments are given, or those that are none."""
        functions = self._index.functions
        given = "".join(call.template_arguments.split()).removeprefix("<").removesuffix(">")
        if not given:
            return found
        exact = [number for number in found if functions[number].specialises == given]
        return exact or [number for number in found if not functions[number].specialises] or found

    def _by_types(self, found: list[int], call: Call, function: Function) -> list[int]:
        """Without those that take another class, or a number where an object is given."""
        given = [self._index.type_of(value, function) for value in call.values]
        scores: dict[int, int] = {}
        for number in found:
            score = 0
            for text, parameter in zip(given, self._index.functions[number].parameters, strict=False):
                fit = self._fit(text, parameter.type, function)
                if fit < 0:
                    score = -1
                    break
                score += fit
            if score >= 0:
                scores[number] = score
        if not scores:
            return found
        best = max(scores.values())
        return [number for number, score in scores.items() if score == best]

    def _fit(self, given: str, wanted: str, function: Function) -> int:
        """2: the same type. 0: nobody knows. -1: it cannot be."""
        if not given:
            return 0
        one, other = parse_type(given), parse_type(wanted)
        if not one.path or not other.path or one.name == "auto" or other.name == "auto":
            return 0
        if one.name == other.name and one.arguments and other.arguments:
            inner = self._fit(one.arguments[0], other.arguments[0], function)
            return inner if inner < 0 else 2
        if one.name == other.name:
            return 2 if bool(one.stars) == bool(other.stars) else 0
        if other.is_smart_pointer and other.arguments and not one.is_smart_pointer:
            inner = self._fit(given, other.arguments[0], function)
            return min(inner, 1)
        mine, theirs = (
            self._index.class_of(given, function.scope),
            self._index.class_of(wanted, function.scope),
        )
        if mine and theirs:
            related = any(base.qualified == theirs[0].qualified for base in self._index.bases_of(mine[0]))
            return 1 if related else -1
        if theirs and one.name in self._index.enums and not one.stars:
            made_from = [
                parse_type(self._index.functions[number].parameters[0].type).name
                for number in self._index.methods(theirs[0], theirs[0].name)
                if self._index.functions[number].parameters
            ]
            return 1 if one.name in made_from else -1 if made_from else 0
        if other.stars and not one.stars and (mine or one.is_number):
            return -1
        if (mine and other.is_number) or (theirs and one.is_number and not is_placeholder(other.name)):
            return -1
        return 0

    # functions that are handed over

    def _lambda(self, call: Call, function: Function) -> Iterator[Edge]:
        target = self._index.number(function.file, call.target)
        if not call.name or call.name in _RUNS_AT_ONCE or call.name in self._expansions:
            yield Edge(target, call, True)
        elif call.name == "?":
            yield Edge(target, call, False, "it is kept, and called by whoever has it then")
        else:
            yield from self._handed_over(target, call, function)

    def _mentioned(self, call: Call, function: Function) -> Iterator[Edge]:
        """A function that is named as an argument, to be called by who gets it."""
        for here in self._index.around(function):
            number = here.lambdas.get(call.name) if not call.scope else None
            if number is not None:
                yield from self._named_lambda(self._index.number(here.file, number), call, function)
                return
        found = [
            number
            for number in self._index.by_name.get(call.name, ())
            if not call.scope or _ends_with(self._index.functions[number].scope, call.scope)
        ]
        found = [
            number for number in found if self._index.is_visible(self._index.functions[number], function.file)
        ]
        if not call.scope:
            found = [number for number in found if not self._index.functions[number].is_method]
        if not found or len(found) > _MOST_CANDIDATES:
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
        if taker in self._expansions:
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


def _signature(function: Function) -> tuple[object, ...]:
    """The same for definitions of which a build has one: the branches of an `#if`, or a file and its stand-in."""
    return (function.qualified, tuple(parse_type(each.type) for each in function.parameters))


def _calls_parameter(function: Function, position: int) -> bool:
    name = function.parameters[position].name
    return any(
        (call.kind == "call" and call.receiver is None and (call.name == name or _passes_on(call, name)))
        or (call.kind == "pointer" and re.search(rf"\b{re.escape(name)}\b", call.name) is not None)
        for call in function.calls
    )


def _passes_on(call: Call, name: str) -> bool:
    return name in call.arguments and call.name not in ("move", "forward")


def _variable(receiver: object) -> str:
    """The name of the variable or field that holds the object."""
    while isinstance(receiver, tuple) and receiver:
        if receiver[0] == "name":
            return str(receiver[2])
        if receiver[0] == "field":
            return str(receiver[2])
        if receiver[0] not in ("deref", "index"):
            return ""
        receiver = receiver[1]
    return ""


def _ends_with(path: tuple[str, ...], end: tuple[str, ...]) -> bool:
    return len(end) <= len(path) and path[len(path) - len(end) :] == end
