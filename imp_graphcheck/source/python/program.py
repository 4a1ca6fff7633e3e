"""The program that a tree holds, read as far as somebody asks: functions, attributes and globals, each once."""

import ast
import builtins
from collections import defaultdict
from collections.abc import Iterator

from imp_graphcheck.source.python.analysis import Analysis, Context
from imp_graphcheck.source.python.annotations import annotated
from imp_graphcheck.source.python.bodies import Body
from imp_graphcheck.source.python.evidence import Evidence, evidence_in
from imp_graphcheck.source.python.facts import Signature
from imp_graphcheck.source.python.frame import Arguments
from imp_graphcheck.source.python.index import Found, Index
from imp_graphcheck.source.python.sources import Sources
from imp_graphcheck.source.python.syntax import Definition
from imp_graphcheck.source.python.values import (
    NONE,
    NUMBER,
    TEXT,
    UNKNOWN,
    ClassRef,
    Const,
    Device,
    External,
    Func,
    Group,
    Host,
    Method,
    ModuleRef,
    Object,
    Options,
    Super,
    Tensor,
    Unknown,
    Value,
    join,
    options_of,
)

_MOST_CONTEXTS = 6
_MOST_OBJECTS = 40
_MOST_CANDIDATES = 12
_DEEPEST = 10
"""Calls within calls that are followed for the sake of a value."""

_BUILTINS = frozenset(dir(builtins))
_LONG_TEXT = 6
"""Switches are `true`, `0` or `off`; longer words are names, and every call has its own."""
_KEPT_TEXT = ("cpu", "cuda", "meta", "xpu", "mps")


class Program:
    """`analyses` are all readings, by their ids."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self.sources = Sources(index.directory)
        self.analyses: list[Analysis] = []
        self.too_deep: set[int] = set()
        self._done: dict[Context, Analysis] = {}
        self._active: set[Context] = set()
        self._readings: list[Analysis] = []
        self._contexts: dict[int, set[Context]] = defaultdict(set)
        self._objects: dict[int, set[Value | None]] = defaultdict(set)
        self._constructed: dict[int, list[Context]] = defaultdict(list)
        self._globals: dict[tuple[str, str], Value] = {}
        self._modules: dict[str, Analysis] = {}
        self._classes: dict[int, Analysis] = {}
        self._attributes: dict[tuple[int, bool, str, int], Value] = {}
        self._evidence: dict[int, Evidence] = {}
        self._methods: dict[tuple[Object, str], Value] = {}
        self._wrappers: dict[int, tuple[Func, ...]] = {}

    # functions

    def analyse(self, context: Context) -> Analysis | None:
        """The reading of a function; None while it is being made, or where it would be one too many."""
        known = self._done.get(context)
        if known is not None and not (known.is_cut and not self._active):
            return known
        if context in self._active:
            return None
        if len(self._active) > _DEEPEST:
            for each in self._readings:
                each.is_cut = True
            return None
        function = self.index.functions[context.number]
        node = self.sources.node(function)
        analysis = self._new(context)
        if node is None:
            self._done[context] = analysis
            return analysis
        self._active.add(context)
        self._readings.append(analysis)
        try:
            Body(self, analysis, function, function.file).read(node)
        except RecursionError:
            analysis.too_deep = True
            self.too_deep.add(context.number)
        finally:
            self._active.discard(context)
            self._readings.pop()
        if known is not None:
            # Once is enough: what is still missing is deeper than anybody looks.
            analysis.is_cut = False
        self._done[context] = analysis
        return analysis

    def _new(self, context: Context) -> Analysis:
        analysis = Analysis(context, len(self.analyses))
        self.analyses.append(analysis)
        return analysis

    def returned(self, context: Context) -> Value:
        """What a call gives back."""
        analysis = self.analyse(context)
        if analysis is not None and not isinstance(analysis.returns, Unknown):
            return analysis.returns
        node = self.sources.node(self.index.functions[context.number])
        if isinstance(node, ast.Lambda) or node is None:
            return UNKNOWN
        return self.annotation(node.returns, self.index.functions[context.number].file)

    def context(self, func: Func, arguments: Arguments) -> Context:
        """The context of calling `func` so."""
        function = self.index.functions[func.number]
        bound = func.bound
        skips_first = bound is not None and not _is_static(function.decorators)
        given = _bound_arguments(function.signature, func, arguments, skips_first=skips_first)
        context = Context(func.number, bound, given, func.closure)
        known = self._contexts[func.number]
        if context in known:
            return context
        if len(known) >= _MOST_CONTEXTS:
            context = Context(func.number, bound, (), func.closure)
        objects = self._objects[func.number]
        if bound not in objects and len(objects) >= _MOST_OBJECTS:
            owner = self.index.owner(func.number)
            context = Context(func.number, Object(owner, False) if owner >= 0 else None, (), func.closure)
        known.add(context)
        objects.add(context.bound)
        return context

    def evidence(self, number: int, node: Definition) -> Evidence:
        """Names of a function that are used as only tensors are."""
        known = self._evidence.get(number)
        if known is None:
            file = self.index.functions[number].file
            known = self._evidence[number] = evidence_in(node, lambda name: self.global_value(file, name))
        return known

    def wrappers(self, number: int) -> tuple[Func, ...]:
        """The functions that decorators of the tree put around this one."""
        known = self._wrappers.get(number)
        if known is None:
            self._wrappers[number] = ()
            known = self._wrappers[number] = tuple(self._wrapped(number))
        return known

    def _wrapped(self, number: int) -> Iterator[Func]:
        function = self.index.functions[number]
        for name in function.decorators:
            head, *rest = name.split(".")
            value = self.global_value(function.file, head)
            for part in rest:
                value = (
                    self.in_module(value, part, function.file)
                    if isinstance(value, (ModuleRef, External))
                    else UNKNOWN
                )
            if not isinstance(value, Func):
                continue
            original = Func(number)
            for given in (Arguments([original]), Arguments(is_open=True)):
                around = self.returned(self.context(value, given))
                inner = [
                    each for each in options_of(around) if isinstance(each, Func) and each.number != number
                ]
                for each in inner:
                    made = self.index.functions[each.number]
                    if made.parent >= 0 and not given.positional:
                        # A decorator with arguments gives the decorator.
                        after = self.returned(self.context(each, Arguments([original])))
                        yield from (
                            one for one in options_of(after) if isinstance(one, Func) and one.number != number
                        )
                    elif made.parent >= 0:
                        yield each

    # classes and their objects

    def constructed(self, cls: int, context: Context) -> None:
        """Note with what the class is made somewhere."""
        known = self._constructed[cls]
        if context not in known and len(known) < 3:
            known.append(context)

    def attribute(self, of: Object, name: str) -> Value:
        """The attribute `name` of an object: a method, or what is stored in it."""
        method = self.method(of, name)
        if not isinstance(method, Unknown):
            return method
        key = (of.cls, of.is_exact, name, len(self._constructed[of.cls]))
        known = self._attributes.get(key)
        if known is None:
            self._attributes[key] = UNKNOWN
            known = self._attributes[key] = self._stored(of, name)
        return known

    def method(self, of: Object, name: str) -> Value:
        """The method `name`, or several where classes below have their own."""
        key = (of, name)
        known = self._methods.get(key)
        if known is None:
            known = self._methods[key] = self._method(of, name)
        return known

    def _method(self, of: Object, name: str) -> Value:
        own = self.index.method(of.cls, name)
        found: list[int] = [] if own is None else [own]
        if not of.is_exact or (own is not None and self.index.functions[own].is_abstract) or own is None:
            below = [
                number
                for each in self.index.derived(of.cls)
                if (number := self.index.own_method(each, name)) is not None
            ]
            if own is None and of.is_exact and not below:
                return UNKNOWN
            if own is not None and not self.index.functions[own].is_abstract and of.is_exact:
                below = []
            if len(below) > _MOST_CANDIDATES:
                below = []
            found += below
        real = [each for each in found if not self.index.functions[each].is_abstract] or found
        values = [Func(each, self._seen_as(of, each)) for each in dict.fromkeys(real)]
        if not values:
            return UNKNOWN
        return values[0] if len(values) == 1 else Options(tuple(values))

    def _seen_as(self, of: Object, method: int) -> Object:
        """The object, as a method of a class below its own sees it."""
        owner = self.index.owner(method)
        return of if owner in self.index.order(of.cls) else Object(owner, False)

    def after(self, of: Super, name: str) -> Value:
        """The method that `super().name` means."""
        number = self.index.method(of.cls, name, of.after)
        if number is None:
            return UNKNOWN
        return Func(number, Object(of.cls, of.is_exact))

    def _stored(self, of: Object, name: str) -> Value:
        found: list[Value] = []
        said: Value = UNKNOWN
        for cls in self.index.order(of.cls):
            here = self.index.classes[cls]
            for local in here.stored.get(name, ()):
                found += self._stored_by(self.index.first_function[here.file] + local, of, name)
            if name in here.assigned:
                analysis = self.class_values(cls)
                value = analysis.variables.get(name, UNKNOWN)
                if name in analysis.attributes:
                    said = analysis.attributes[name] if isinstance(said, Unknown) else said
                    if value == Const(None):
                        continue
                found.append(value)
        found = [option for each in found for option in options_of(each)]
        known: list[Value] = [each for each in found if not isinstance(each, (Unknown, Method))]
        if any(each != NONE for each in known):
            # A setter that anybody may call says nothing against what the class itself puts there.
            found = known
        value = join(*found) if found else UNKNOWN
        if not isinstance(said, Unknown) and (not known or len(known) < len(found)):
            return join(said, *known) if known else said
        return value

    def _stored_by(self, number: int, of: Object, name: str) -> list[Value]:
        contexts = [
            each for each in self._constructed[of.cls] if self.index.functions[each.number].name == "__init__"
        ]
        own = [Context(number, of, each.given, each.closure) for each in contexts if each.number == number]
        values = []
        for context in own or [Context(number, of)]:
            analysis = self.analyse(context)
            if analysis is not None and name in analysis.attributes:
                values.append(analysis.attributes[name])
        return values

    def class_values(self, cls: int) -> Analysis:
        """The names in the body of a class; `attributes` are those that it only annotates."""
        known = self._classes.get(cls)
        if known is None:
            known = self._classes[cls] = self._new(Context(-1))
            node = self.sources.class_node(self.index.classes[cls])
            if node is not None:
                Body(self, known, None, self.index.classes[cls].file).read_class(node)
        return known

    # names

    def global_value(self, file: str, name: str) -> Value:
        """What `name` means in a module."""
        key = (file, name)
        known = self._globals.get(key)
        if known is not None:
            return known
        self._globals[key] = UNKNOWN
        found = [self.meaning(each, name) for each in self.index.find_name(file, name)]
        if found:
            value = join(*found)
        elif name in _BUILTINS:
            value = External(f"builtins.{name}")
        elif name == "__file__" or name == "__name__":
            value = TEXT
        else:
            value = UNKNOWN
        if isinstance(value, Options):
            # An import that is tried, and None or a stand-in where it fails.
            better = [each for each in value.options if not isinstance(each, (Const, Unknown))]
            value = join(*better) if better else value
        if (
            not any(each.kind == "assign" for each in self.index.find_name(file, name))
            or file not in self._modules
            or self._modules[file].returns == NUMBER
        ):
            self._globals[key] = value
        else:
            del self._globals[key]
        return value

    def meaning(self, found: Found, name: str) -> Value:
        """What a name that the index found stands for."""
        match found.kind:
            case "def" if found.binding is not None:
                return Func(self.index.first_function[found.file] + found.binding.number)
            case "class" if found.binding is not None:
                return ClassRef(self.index.first_class[found.file] + found.binding.number)
            case "module":
                return ModuleRef(found.file, self.index.module_of(found.file))
            case "assign":
                return self._assigned(found, name)
            case _ if found.path.endswith(".TYPE_CHECKING"):
                return Const(False)
            case _:
                return External(found.path)

    def _assigned(self, found: Found, name: str) -> Value:
        variables = self.module_values(found.file).variables
        if name in variables:
            value = variables[name]
            if isinstance(value, Group) and isinstance(value.element, Unknown):
                return Group(value.kind, self._put_into(found.file, name))
            return value
        # Imported under another name.
        return UNKNOWN

    def _put_into(self, file: str, name: str) -> Value:
        """What decorators put into a container of a module: a registry of classes or functions."""
        first = self.index.first_function[file]
        outermost = set()
        for local in self.index.files[file].filled.get(name, ()):
            number = first + local
            while (parent := self.index.parent(number)) >= 0:
                number = parent
            outermost.add(number)
        found: list[Value] = []
        for number in sorted(outermost):
            decorator = self.index.functions[number].name
            for kind, decorated in self.index.decorated.get(decorator, ()):
                here = self.index.classes[decorated] if kind == "class" else self.index.functions[decorated]
                if any(self._is_decorator(word, here.file, number) for word in here.decorators):
                    found.append(ClassRef(decorated) if kind == "class" else Func(decorated))
        return join(*found) if found else UNKNOWN

    def _is_decorator(self, name: str, file: str, number: int) -> bool:
        head, *rest = name.split(".")
        value = self.global_value(file, head)
        for part in rest:
            value = self.in_module(value, part, file) if isinstance(value, (ModuleRef, External)) else UNKNOWN
        return isinstance(value, Func) and value.number == number

    def module_values(self, file: str) -> Analysis:
        """The names that a module assigns. While it is being read, those so far."""
        known = self._modules.get(file)
        if known is None:
            known = self._modules[file] = self._new(Context(-1))
            try:
                Body(self, known, None, file).read_module(self.sources.tree(file))
            except RecursionError:
                known.too_deep = True
            known.returns = NUMBER
        return known

    def in_module(self, module: ModuleRef | External, name: str, asker: str) -> Value:
        """`module.name`."""
        if isinstance(module, External):
            inner = self.index.find_module(f"{module.path}.{name}", asker)
            if inner is not None:
                return ModuleRef(inner, f"{module.path}.{name}")
            return External(f"{module.path}.{name}")
        value = self.global_value(module.file, name)
        if not isinstance(value, Unknown) and value != External(f"builtins.{name}"):
            if (
                isinstance(value, Const)
                and not value.why
                and "__getattr__" in self.index.files[module.file].bindings
            ):
                # Its annotation says the default; `__getattr__` asks the environment.
                return Const(value.value, "environment")
            return value
        inner = self.index.find_module(f"{self.index.module_of(module.file)}.{name}", asker)
        if inner is not None:
            return ModuleRef(inner)
        found = [
            self.meaning(each, name)
            for each in self.index.find_in(self.index.module_of(module.file), name, asker)
        ]
        return join(*found) if found else UNKNOWN

    def annotation(self, node: ast.expr | None, file: str) -> Value:
        """What an annotation of a file says."""
        if node is None:
            return UNKNOWN
        return annotated(node, _Names(self, file))


class _Names:
    """Names as annotations ask for them."""

    def __init__(self, program: Program, file: str) -> None:
        self._program = program
        self._file = file

    def __call__(self, name: str) -> Value:
        value = self._program.global_value(self._file, name)
        if isinstance(value, Options):
            return next((each for each in value.options if isinstance(each, (ClassRef, External))), UNKNOWN)
        return value

    def inside(self, outer: Value, name: str) -> Value:
        if isinstance(outer, (ModuleRef, External)):
            return self._program.in_module(outer, name, self._file)
        return UNKNOWN


def _is_static(decorators: tuple[str, ...]) -> bool:
    return any(each.rpartition(".")[2] == "staticmethod" for each in decorators)


def _bound_arguments(
    signature: Signature, func: Func, arguments: Arguments, *, skips_first: bool
) -> tuple[tuple[str, Value], ...]:
    places = signature.places[1:] if skips_first else signature.places
    positional = [*func.given, *arguments.positional]
    given: dict[str, Value] = dict(zip(places, positional, strict=False))
    if signature.rest and len(positional) > len(places):
        given[signature.rest] = Group("tuple", join(*positional[len(places) :]))
    known = {*places, *signature.by_name}
    for name, value in (*func.named, *arguments.named.items()):
        if name in known:
            given[name] = value
    if not arguments.is_open:
        for name, default in signature.defaults:
            if name not in given and name in known:
                given[name] = Const(default)
    kept = {name: _normal(value) for name, value in given.items()}
    return tuple(sorted((name, value) for name, value in kept.items() if not isinstance(value, Unknown)))


def _normal(value: Value, depth: int = 0) -> Value:
    """`value` as far as it makes a difference to a body, so that calls with other numbers are the same call."""
    match value:
        case Const(value=known, why=""):
            if known is None or isinstance(known, bool):
                return value
            if isinstance(known, str):
                return value if len(known) < _LONG_TEXT or known.startswith(_KEPT_TEXT) else TEXT
            return NUMBER
        case Host() | Device() | Tensor():
            return (
                Tensor(value.memory, value.is_bool, None, value.is_sure)
                if isinstance(value, Tensor)
                else value
            )
        case Group() if depth < 3:
            return Group(value.kind, _normal(value.element, depth + 1))
        case Group():
            return Group(value.kind, UNKNOWN)
        case Options() if depth < 3:
            return join(*(_normal(each, depth + 1) for each in options_of(value)))
        case Func() if depth < 2:
            return value
        case Func():
            return Func(value.number)
        case _:
            return value
