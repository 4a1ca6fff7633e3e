"""Methods: what a call on an object runs, where its class is known, where it may be of one below, and where it is not."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from imp_graphcheck.source.cpp.edges import MOST_CANDIDATES, Edge, Unknown
from imp_graphcheck.source.cpp.facts import Call, Class, Expr, Function
from imp_graphcheck.source.cpp.index import Index, is_test
from imp_graphcheck.source.cpp.types import is_placeholder, parse_type
from imp_graphcheck.source.cpp.words import words

_EVERYWHERE = words(
    "begin end size empty clear reset get data push_back emplace_back insert erase find count at front back resize reserve "
    "c_str str swap release load store lock unlock wait notify_one notify_all join detach first second length append substr "
    "value has_value what name type id print format write read open close flush next prev min max ptr shape dim dims numel "
    "emplace pop push pop_back top exchange fetch_add fetch_sub compare_exchange_strong good fail is_open eof"
)
"""Method names that say nothing of the class, because every library has them."""


class Methods:
    """`edges_to` makes edges to those of some functions of one name that a call means."""

    def __init__(self, index: Index, edges_to: Callable[[list[int], Call, Function], Iterator[Edge]]) -> None:
        self._index = index
        self._edges_to = edges_to

    def called(self, call: Call, function: Function, unknown: list[Unknown]) -> Iterator[Edge]:
        """`object.method()`; a call of what a field points at is added to `unknown`."""
        assert call.receiver is not None
        kind = self._index.type_of(call.receiver, function)
        classes = self._index.class_of(kind, function.scope)
        if classes:
            for each in classes[:1]:
                found = self.named(each, call.name)
                if found or self.is_declared(each, call.name):
                    yield from self.chosen(
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
            yield from self._edges_to(found, call, function)
        elif len(owners) <= MOST_CANDIDATES:
            for number in found:
                yield Edge(number, call, False, f"the type of the object of {call.name}() is not known")

    def _as_derived(self, call: Call, function: Function) -> Iterator[Edge]:
        """The methods of classes that are derived from `function`'s own, and given to it as its parameter."""
        for own in self._index.own_class(function):
            for child in self._index.derived_from(own):
                if any(child.name in parse_type(base).arguments for base in child.bases):
                    is_made = self._index.is_made(child)
                    for number in self.bodies([child], call):
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

    def is_declared(self, each: Class, name: str) -> bool:
        """Whether the class or one of its bases declares a method of this name."""
        return any(name in here.methods for here in self._index.bases_of(each))

    def named(self, each: Class, name: str) -> list[int]:
        """The bodies of the methods of this name, of the class itself or of the first base that has some."""
        for here in self._index.bases_of(each):
            found = self._index.methods(here, name)
            if found:
                return found
        return []

    def chosen(
        self, found: list[int], call: Call, function: Function, each: Class, *, is_exact: bool
    ) -> Iterator[Edge]:
        """The method of `each` or, where it is virtual, of what the object may be."""
        is_virtual = any(
            method.is_virtual
            for here in self._index.bases_of(each)
            for method in here.methods.get(call.name, ())
        )
        if not is_virtual or is_exact:
            yield from self._edges_to(found, call, function)
            return
        family = [each, *self._index.derived_from(each)]
        bodies = self.bodies(family, call)
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
            certain = set(self.bodies(held, call))
            why += ", and something else is held here where it can be seen"
        else:
            certain = set(self.bodies([kind for kind in family if self._index.is_made(kind)], call))
            why += ", and nothing in the tree makes an object of this class"
        if len({self._index.functions[number].scope for number in bodies}) == 1:
            certain = set(bodies)
        for number in bodies:
            yield Edge(number, call, number in certain, "" if number in certain else why)

    def bodies(self, kinds: Sequence[Class], call: Call) -> list[int]:
        """What `call` runs on objects of these classes."""
        found = sorted({number for kind in kinds for number in self.named(kind, call.name)})
        functions = self._index.functions
        return [number for number in found if self._index.takes(functions[number], call.arity)] or found

    def called_object(self, value: Expr | None, call: Call, function: Function) -> Iterator[Edge]:
        """`layer(x)` and `(*layers[i])(x)`, where the object has an `operator()`."""
        kind = self._index.type_of(value, function) if value is not None else ""
        if not kind or parse_type(kind).stars or parse_type(kind).is_smart_pointer:
            return
        for each in self._index.class_of(kind, function.scope)[:1]:
            found = self.named(each, "operator()")
            if found or self.is_declared(each, "operator()"):
                as_method = replace(call, name="operator()", receiver=value)
                yield from (
                    replace(edge, call=call)
                    for edge in self.chosen(found, as_method, function, each, is_exact=False)
                )

    def operator(self, call: Call, function: Function) -> Iterator[Edge]:
        """`a = b` and the like, where the class of `a` says what that is."""
        kind = self._index.type_of(call.values[0], function)
        if not kind or parse_type(kind).stars or parse_type(kind).is_number:
            return
        for each in self._index.class_of(kind, function.scope)[:1]:
            found = self.named(each, call.name)
            if found:
                yield from self._edges_to(found, call, function)


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
