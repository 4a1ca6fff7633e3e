"""What making an object runs, and what its end runs: constructors and destructors of the class, its bases and fields."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from imp_graphcheck.source.cpp.edges import Edge
from imp_graphcheck.source.cpp.facts import Call, Class, Expr, Function
from imp_graphcheck.source.cpp.index import Index
from imp_graphcheck.source.cpp.overloads import Overloads
from imp_graphcheck.source.cpp.types import TypeName, parse_type

_SHARED = frozenset({"shared_ptr", "intrusive_ptr", "Ref"})
_HOLDERS = (
    frozenset({"vector", "array", "deque", "list", "optional", "pair", "tuple", "unique_ptr"}) | _SHARED
)
_DEEPEST = 3
_SHARED_WHY = "it ends when its last owner does"

Called = Callable[[Call, Function], Iterator[Edge]]


class Objects:
    """`overloads` chooses among constructors, `called` follows a plain call."""

    def __init__(self, index: Index, overloads: Overloads, called: Called) -> None:
        self._index = index
        self._overloads = overloads
        self._called = called
        self._depth = 0

    def constructed(self, call: Call, function: Function) -> Iterator[Edge]:
        """A variable, a temporary, a field or a `new`."""
        text = self._type_made(call, function)
        if not text:
            return
        kind = parse_type(text)
        lives_on = self._lives_on(call, function)
        if kind.name in _HOLDERS and not self._index.class_of(text, function.scope):
            if not lives_on and not kind.stars:
                yield from self._holder_ends(kind, call, function, set())
            return
        for each in self._index.class_of(text, function.scope)[:1]:
            yield from self._made(each, call, function, set())
            if not lives_on:
                yield from self._ends(each, call, function, set())

    def destroyed(self, call: Call, function: Function) -> Iterator[Edge]:
        """A `delete`, or the end of the scope of a smart pointer."""
        kind = self._index.type_of(call.values[0], function) if call.values else ""
        if self._is_given_away(call, function):
            return
        is_shared = call.name == "(shared)"
        for each in self._index.class_of(kind, function.scope)[:1]:
            for edge in self._ends_as_any(each, call, function, set()):
                if is_shared:
                    yield Edge(edge.target, edge.call, False, _SHARED_WHY)
                else:
                    yield edge

    def _type_made(self, call: Call, function: Function) -> str:
        if call.receiver is not None:
            text = self._index.type_of(call.receiver, function)
            kind = parse_type(text)
            return "" if kind.stars or kind.is_smart_pointer or kind.name in _HOLDERS else text
        if call.scope != ("(field)",):
            return call.name
        for each in self._index.own_class(function):
            found = self._index.field(each, call.name)
            if found is not None:
                is_value = not re.search(r"[*&]", found.type) and parse_type(found.type).name not in _HOLDERS
                return found.type if is_value else ""
        return call.name

    def _lives_on(self, call: Call, function: Function) -> bool:
        """What `new` makes ends where somebody deletes it, a field with its owner, a static variable with the program."""
        if call.scope in (("(new)",), ("(field)",)) or self._is_given_away(call, function):
            return True
        return any(function.guards[guard].kind == "static" for guard in call.guards)

    def _is_given_away(self, call: Call, function: Function) -> bool:
        """Whether the variable is moved or returned, so that what it holds does not end with it."""
        return bool(call.arguments) and call.arguments[0] in function.given_away

    def _made(self, each: Class, call: Call, function: Function, seen: set[str]) -> Iterator[Edge]:
        if each.qualified in seen:
            return
        seen.add(each.qualified)
        constructors = self._index.methods(each, each.name)
        if not self._is_copied(each, call, function):
            fitting = [
                number
                for number in constructors
                if self._index.takes(self._index.functions[number], call.arity)
            ] or constructors
            if len(fitting) > 1:
                fitting = self._overloads.by_types(fitting, call, function)
            certain = len(fitting) == 1
            for number in fitting:
                why = "" if certain else f"{each.name} has several constructors"
                yield Edge(number, call, certain, why, is_choice=not certain)
        yield from self._parts_made(each, call, function, seen)

    def _is_copied(self, each: Class, call: Call, function: Function) -> bool:
        if call.arity != 1 or not call.values:
            return False
        kind = self._index.type_of(call.values[0], function)
        return not parse_type(kind).stars and any(
            given.qualified == each.qualified for given in self._index.class_of(kind, function.scope)
        )

    def _parts_made(self, each: Class, call: Call, function: Function, seen: set[str]) -> Iterator[Edge]:
        said = self._said_by_constructor(each, call)
        for base in each.bases:
            for inner in self._index.class_of(base, each.scope)[:1]:
                if inner.name not in said:
                    yield from self._made_by_default(inner, call, function, seen)
        here = Function(
            file=each.file,
            name=each.name,
            scope=(*each.scope, each.name),
            line=each.line,
            last_line=each.line,
            is_method=True,
        )
        for name, variable in each.fields.items():
            if name in said:
                continue
            if variable.value[0] == "call" and variable.text:
                yield from self.of_expression(variable.value, call, here)
            if "*" in variable.type or "&" in variable.type:
                continue
            for inner in self._index.class_of(variable.type, each.scope)[:1]:
                yield from self._made_by_default(inner, call, function, seen)

    def _said_by_constructor(self, each: Class, call: Call) -> set[str]:
        """Bases and fields that every constructor which fits makes in its own words: those are edges of its own."""
        fitting = [
            self._index.functions[number]
            for number in self._index.methods(each, each.name)
            if self._index.takes(self._index.functions[number], call.arity)
        ]
        said = [{made.name for made in each.calls if made.scope == ("(field)",)} for each in fitting]
        return set.intersection(*said) if said else set()

    def of_expression(self, value: Expr, call: Call, here: Function) -> Iterator[Edge]:
        """A call that stands in a declaration, and is made wherever `call` is."""
        if self._depth >= _DEEPEST:
            return  # f(int n = g()), g(int n = f())
        _, receiver, scope, name, arguments = value
        assert isinstance(arguments, tuple)
        assert isinstance(scope, tuple)
        made = Call(
            "call",
            str(name),
            call.line,
            scope=scope,
            receiver=receiver if isinstance(receiver, tuple) else None,
            arity=len(arguments),
            values=arguments,
        )
        self._depth += 1
        found = list(self._called(made, here))
        self._depth -= 1
        yield from (replace(edge, call=call) for edge in found)

    def _made_by_default(self, each: Class, call: Call, function: Function, seen: set[str]) -> Iterator[Edge]:
        constructors = self._index.methods(each, each.name)
        takes_none = [
            number for number in constructors if self._index.takes(self._index.functions[number], 0)
        ]
        plain = Call("construct", each.name, call.line, guards=call.guards, inner=call.inner)
        if constructors and not takes_none:
            # The constructor around it says which one: that is an edge of its own.
            if each.qualified not in seen:
                seen.add(each.qualified)
                yield from self._parts_made(each, plain, function, seen)
            return
        yield from self._made(each, plain, function, seen)

    def _ends(self, each: Class, call: Call, function: Function, seen: set[str]) -> Iterator[Edge]:
        if each.qualified in seen:
            return
        seen.add(each.qualified)
        for number in self._index.methods(each, "~" + each.name):
            yield Edge(number, call, True)
        for base in each.bases:
            for inner in self._index.class_of(base, each.scope)[:1]:
                yield from self._ends(inner, call, function, seen)
        for variable in each.fields.values():
            if "*" in variable.type or "&" in variable.type:
                continue
            found = self._index.class_of(variable.type, each.scope)[:1]
            for inner in found:
                yield from self._ends(inner, call, function, seen)
            kind = parse_type(variable.type)
            if not found and kind.name in _HOLDERS:
                yield from self._holder_ends(kind, call, function, seen)

    def _holder_ends(self, kind: TypeName, call: Call, function: Function, seen: set[str]) -> Iterator[Edge]:
        """A smart pointer or a container goes, and what it holds with it."""
        if kind.name == "unique_ptr" and len(kind.arguments) > 1:
            for each in self._index.class_of(kind.arguments[1], function.scope)[:1]:
                for number in self._index.methods(each, "operator()"):
                    yield Edge(number, call, True)
            return
        for text in kind.arguments[: 2 if kind.name in ("pair", "tuple") else 1]:
            if parse_type(text).stars:
                continue
            is_shared = kind.name in _SHARED
            for each in self._index.class_of(text, function.scope)[:1]:
                for edge in self._ends_as_any(each, call, function, seen):
                    yield Edge(edge.target, call, False, _SHARED_WHY) if is_shared else edge

    def _ends_as_any(self, each: Class, call: Call, function: Function, seen: set[str]) -> Iterator[Edge]:
        """The end of an object of this class or, where its destructor is virtual, of one derived from it."""
        yield from self._ends(each, call, function, seen)
        is_virtual = any(
            method.is_virtual
            for here in self._index.bases_of(each)
            for method in here.methods.get("~" + here.name, ())
        )
        for child in self._index.derived_from(each) if is_virtual else ():
            if self._index.is_made(child):
                yield from self._ends(child, call, function, seen)
