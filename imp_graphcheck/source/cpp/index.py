"""All files of a tree together: functions and classes by name, and the types of expressions."""

import os
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from imp_graphcheck.source.cpp.facts import Assigned, Class, Expr, FileFacts, Function, Local, Method
from imp_graphcheck.source.cpp.macros import handed_back
from imp_graphcheck.source.cpp.preprocessor import Macro
from imp_graphcheck.source.cpp.types import element_of, is_placeholder, parse_type, pointed_at

_HEADERS = (".h", ".hpp", ".cuh", ".hh", ".hxx", ".inl", ".inc", ".ipp", ".tpp")
_ELEMENTS = frozenset({"front", "back", "at", "value", "top", "operator[]"})
_DEPTH = 8
_WORD = re.compile(r"\w+")
_TESTS = frozenset(
    {"test", "tests", "unittest", "unittests", "gtest", "benchmark", "benchmarks", "example", "examples"}
)


class Index:
    """Functions are known by their number, classes by themselves."""

    def __init__(
        self, files: Sequence[FileFacts], macros: Mapping[str, Sequence[Macro]] | None = None
    ) -> None:
        self._macros = macros or {}
        self._made: frozenset[str] | None = None
        self.files = {facts.path: facts for facts in files}
        self.functions: list[Function] = []
        self.first: dict[str, int] = {}
        """The number of the first function of each file."""
        self.by_name: dict[str, list[int]] = defaultdict(list)
        self.classes: dict[str, list[Class]] = defaultdict(list)
        self.aliases: dict[str, str] = {}
        self.enums: set[str] = set()
        self.tables: dict[str, set[str]] = defaultdict(set)
        self._given: dict[str, set[str]] = defaultdict(set)
        self._switches: dict[str, list[Assigned]] = defaultdict(list)
        self.declared: dict[str, list[Method]] = defaultdict(list)
        self.mentioned: dict[str, str] = {}
        self._methods: dict[tuple[str, str], list[int]] = defaultdict(list)
        self._globals: dict[str, list[Local]] = defaultdict(list)
        self._assigned: dict[str, list[Assigned]] = defaultdict(list)
        self._derived: dict[str, list[Class]] = defaultdict(list)
        self._seen_by: dict[str, frozenset[str]] = {}
        for facts in files:
            self._add(facts)
        self._by_file_name: dict[str, list[str]] = defaultdict(list)
        for path in self.files:
            self._by_file_name[os.path.basename(path)].append(path)

    def _add(self, facts: FileFacts) -> None:
        self.first[facts.path] = len(self.functions)
        for function in facts.functions:
            if not function.name.endswith("(lambda)"):
                self.by_name[function.name].append(len(self.functions))
                if function.is_method and function.scope:
                    self._methods[function.scope[-1], function.name].append(len(self.functions))
            self.functions.append(function)
        for each in facts.classes:
            self.classes[each.name].append(each)
            for base in each.bases:
                self._derived[parse_type(base).name].append(each)
        self.aliases |= facts.aliases
        self.enums.update(facts.enums)
        for name, named in facts.tables.items():
            self.tables[name].update(named)
        for name, words in facts.given.items():
            self._given[name].update(words)
        for switch in facts.switches:
            self._switches[switch.name].append(switch)
        for name, methods in facts.declared.items():
            self.declared[name].extend(methods)
        for name, local in facts.globals.items():
            self._globals[name].append(local)
        for assigned in facts.assigned:
            self._assigned[assigned.name].append(assigned)
        for name, line in facts.mentioned.items():
            self.mentioned.setdefault(name, f"{facts.path}:{line}")

    # functions

    def number(self, file: str, local: int) -> int:
        """The number of a function that is the `local`th of its file."""
        return self.first[file] + local

    def parent(self, function: Function) -> Function | None:
        """The function that a lambda was written in."""
        return self.functions[self.number(function.file, function.parent)] if function.parent >= 0 else None

    def around(self, function: Function) -> Iterator[Function]:
        """`function`, and those it was written in."""
        here: Function | None = function
        while here is not None:
            yield here
            here = self.parent(here)

    def is_visible(self, function: Function, file: str) -> bool:
        """Whether code of `file` can call `function` by its name."""
        if not function.is_file_local or function.file == file:
            return True
        return function.file in self.included_by(file)

    def included_by(self, file: str) -> frozenset[str]:
        """All files of the tree that `file` includes, directly or not."""
        known = self._seen_by.get(file)
        if known is not None:
            return known
        found: set[str] = set()
        waiting = [file]
        while waiting:
            here = waiting.pop()
            for name in self.files[here].includes:
                for path in self._by_file_name.get(os.path.basename(name), ()):
                    if path not in found and (path == name or path.endswith("/" + name.lstrip("./"))):
                        found.add(path)
                        waiting.append(path)
        self._seen_by[file] = frozenset(found)
        return self._seen_by[file]

    def takes(self, function: Function, arguments: int) -> bool:
        """Whether it can be called with so many arguments, defaults of its declarations included."""
        if function.takes(arguments):
            return True
        if arguments > len(function.parameters):
            return False
        total = len(function.parameters)
        return any(each.total == total and each.needed <= arguments for each in self._declarations(function))

    def defaults(self, function: Function, given: int) -> Iterator[Expr]:
        """The calls that stand for arguments which are not given."""
        total = len(function.parameters)
        if given >= total:
            return
        found = [each.default for each in function.parameters]
        if not any(each.has_default for each in function.parameters):
            for declared in self._declarations(function):
                if declared.total == total and len(declared.defaults) == total:
                    found = list(declared.defaults)
        yield from (each for each in found[given:] if each[0] == "call")

    def _declarations(self, function: Function) -> list[Method]:
        if not function.is_method:
            return self.declared.get(function.name, [])
        return [
            method
            for each in self.classes_named(function.scope[-1:])
            for method in each.methods.get(function.name, [])
        ]

    def given_to(self, function: Function) -> set[str]:
        """Names that stand for the template parameters of a function, or of the classes around it, somewhere."""
        found: set[str] = set()
        for name in (function.name, *function.scope):
            found |= self._given.get(name, set())
        return found

    def switch(self, name: str, function: Function) -> str:
        """The expression over the environment that a field or a variable is set from; empty if it is not."""
        for each in self._switches.get(name, ()):
            if (
                not each.scope
                or each.scope[-1:] == function.scope[-1:]
                or name in self.files[function.file].globals
            ):
                return each.type
        return ""

    # classes

    def classes_named(self, path: tuple[str, ...], near: tuple[str, ...] = ()) -> list[Class]:
        """Classes that `path` may mean for code in the scope `near`; the nearest ones."""
        if not path:
            return []
        found = [each for each in self.classes.get(path[-1], ()) if ends_with((*each.scope, each.name), path)]
        if len(found) < 2:
            return found
        shared = [_shared((*each.scope,), near) for each in found]
        return [each for each, length in zip(found, shared, strict=True) if length == max(shared)]

    def class_of(self, type_text: str, near: tuple[str, ...] = ()) -> list[Class]:
        """The classes of the tree that a type may be; none for those of libraries."""
        for _ in range(_DEPTH):
            path = parse_type(type_text).path
            found = self.classes_named(path, near)
            if found or not path or path[-1] not in self.aliases:
                return found
            type_text = self.aliases[path[-1]]
        return []

    def bases_of(self, each: Class) -> Iterator[Class]:
        """`each`, and the classes it is derived from."""
        waiting, seen = [each], set[str]()
        while waiting:
            here = waiting.pop(0)
            if here.qualified in seen:
                continue
            seen.add(here.qualified)
            yield here
            for base in here.bases:
                found = self.class_of(base, here.scope)
                if not found and base.isidentifier():  # a parameter of the template
                    found = [
                        given
                        for word in sorted(self._given.get(here.name, ()))
                        for given in self.classes.get(word, ())
                    ]
                waiting += found

    def derived_from(self, each: Class) -> Iterator[Class]:
        """The classes that are derived from `each`, directly or not."""
        waiting, seen = [each], {each.qualified}
        while waiting:
            here = waiting.pop()
            for child in self._derived.get(here.name, ()):
                if child.qualified not in seen:
                    seen.add(child.qualified)
                    waiting.append(child)
                    yield child

    def methods(self, each: Class, name: str) -> list[int]:
        """The bodies of the methods of this class itself that have this name."""
        wanted = (*each.scope, each.name)
        numbers = self._methods.get((each.name, name), ())
        if not numbers:
            return []
        # `using namespace a; void B::f() {}` names a::B. What lies in a class of its own is that one's.
        owned = {(*other.scope, other.name) for other in self.classes.get(each.name, ())} - {wanted}
        return [
            number
            for number in numbers
            if ends_with(wanted, self.functions[number].scope) and self.functions[number].scope not in owned
        ]

    def own_class(self, function: Function) -> list[Class]:
        """The class whose method `function` is."""
        if not function.is_method or not function.scope:
            return []
        return self.classes_named(function.scope[-1:], function.scope[:-1])

    def is_made(self, each: Class) -> bool:
        """Whether the tree makes objects of this class, those of tests apart."""
        if self._made is None:
            self._made = frozenset(self._names_of_made())
        return each.name in self._made

    def _names_of_made(self) -> Iterator[str]:
        for facts in self.files.values():
            if is_test(facts.path):
                continue
            for function in facts.functions:
                for call in function.calls:
                    if call.kind == "construct":
                        yield from _WORD.findall(call.name)
                    elif call.template_arguments:
                        yield from _WORD.findall(call.template_arguments)
            variables = [local for each in facts.classes for local in each.fields.values()]
            for local in (*variables, *facts.globals.values()):
                if "*" not in local.type:
                    yield from _WORD.findall(local.type)
            for assigned in facts.assigned:
                yield from _WORD.findall(assigned.type)

    def dynamic_types(self, name: str, near: tuple[str, ...]) -> list[Class]:
        """What was put into the variable or field `name`, where every assignment says so."""
        found: list[Class] = []
        for assigned in self._assigned.get(name, ()):
            if not near or not assigned.scope or assigned.scope[-1] == near[-1]:
                found += self.class_of(assigned.type, near)
        return found

    # types

    def type_of(self, value: Expr, function: Function, depth: int = 0) -> str:
        """The type of an expression in the words of the source; empty if it cannot be told."""
        if depth > _DEPTH:
            return ""
        kind = value[0]
        if kind == "this":
            return "::".join(function.scope) if function.is_method else ""
        if kind == "type":
            return str(value[1])
        if kind == "name":
            return self._type_of_name(value, function, depth)
        if kind == "deref":
            return self._followed(self._inner(value[1], function, depth), function)
        if kind == "index":
            return element_of(self._inner(value[1], function, depth))
        if kind == "field":
            return self._type_of_field(value, function, depth)
        if kind == "call":
            return self._type_of_call(value, function, depth)
        return ""

    def _followed(self, pointer: str, function: Function) -> str:
        """What `->` leads to, where a class says so itself."""
        if "*" not in pointer and not parse_type(pointer).is_smart_pointer:
            for each in self.class_of(pointer, function.scope):
                for here in self.bases_of(each):
                    for method in here.methods.get("operator->", ()):
                        return method.returns
        return pointed_at(pointer)

    def _inner(self, value: object, function: Function, depth: int) -> str:
        return self.type_of(value, function, depth + 1) if isinstance(value, tuple) else ""

    def _type_of_name(self, value: Expr, function: Function, depth: int) -> str:
        name = str(value[2])
        if not value[1]:
            for here in self.around(function):
                local = here.locals.get(name)
                if local is not None:
                    return self._type_of_variable(local, here, depth)
            for each in self.own_class(function):
                found = self.field(each, name)
                if found is not None:
                    return self._type_of_variable(found, function, depth)
        candidates = self.files[function.file].globals.get(name)
        if candidates is not None:
            return self._type_of_variable(candidates, function, depth)
        everywhere = self._globals.get(name, [])
        return self._type_of_variable(everywhere[0], function, depth) if len(everywhere) == 1 else ""

    def _type_of_variable(self, local: Local, function: Function, depth: int) -> str:
        if parse_type(local.type).name == "auto":
            return self.type_of(local.value, function, depth + 1)
        return local.type

    def field(self, each: Class, name: str) -> Local | None:
        """The field of this class or of one it is derived from."""
        for here in self.bases_of(each):
            if name in here.fields:
                return here.fields[name]
        return None

    def _type_of_field(self, value: Expr, function: Function, depth: int) -> str:
        outer = self._inner(value[1], function, depth)
        for each in self.class_of(outer, function.scope):
            found = self.field(each, str(value[2]))
            if found is not None:
                return self._type_of_variable(found, function, depth)
        return ""

    def _type_of_call(self, value: Expr, function: Function, depth: int) -> str:
        receiver, name, arguments = value[1], str(value[3]), value[4]
        assert isinstance(arguments, tuple)
        if isinstance(receiver, tuple):
            outer = self._inner(receiver, function, depth)
            kind = parse_type(outer)
            if kind.is_smart_pointer and name in ("get", "release", "lock"):
                return kind.arguments[0] + "*" if kind.arguments else ""
            if name in _ELEMENTS and element_of(outer):
                return element_of(outer)
            for each in self.class_of(outer, function.scope):
                for here in self.bases_of(each):
                    for method in here.methods.get(name, ()):
                        return method.returns
            return ""
        scope = value[2]
        owners = self.class_of("::".join(scope), function.scope) if scope else self.own_class(function)  # type: ignore[arg-type]
        for each in owners:
            for here in self.bases_of(each):
                for method in here.methods.get(name, ()):
                    return method.returns
        if self.class_of(name, function.scope):
            return name
        given = self._handed_back(name, arguments)
        if given is not None:
            return self._inner(given, function, depth)
        types = {self.functions[number].returns for number in self.by_name.get(name, ())}
        types |= {method.returns for method in self.declared.get(name, ())}
        return types.pop() if len(types) == 1 else ""

    def _handed_back(self, name: str, arguments: tuple[object, ...]) -> object:
        """The argument that a template or a macro only checks and gives back; None if it does anything else."""
        for number in self.by_name.get(name, ()):
            called = self.functions[number]
            returned = parse_type(called.returns).name
            for position, parameter in enumerate(called.parameters):
                its_type = parse_type(parameter.type).name
                is_given = called.is_template and position < len(arguments) and is_placeholder(its_type)
                if is_given and returned in (its_type, "auto", "decltype(auto)"):
                    return arguments[position]
        for macro in self._macros.get(name, ()):
            given_back = handed_back(macro)
            if given_back is not None and given_back < len(arguments):
                return arguments[given_back]
        return None


def is_header(path: str) -> bool:
    """Whether other files include it."""
    return path.endswith(_HEADERS)


def is_test(path: str) -> bool:
    """Whether a file is there to test or to measure the others."""
    return any(part in _TESTS for part in path.lower().replace("\\", "/").split("/")[:-1])


def ends_with(path: tuple[str, ...], end: tuple[str, ...]) -> bool:
    """Whether the last names of `path` are `end`."""
    return len(end) <= len(path) and path[len(path) - len(end) :] == end


def _shared(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    length = 0
    for first, second in zip(one, other, strict=False):
        if first != second:
            break
        length += 1
    return length
