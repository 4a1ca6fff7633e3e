"""The program that a tree holds, read as far as somebody asks: functions, attributes and globals, each once."""

import ast
from collections import defaultdict
from collections.abc import Iterator

from imp_graphcheck.source.python.analysis import Analysis, Context
from imp_graphcheck.source.python.arguments import Arguments, bound_arguments
from imp_graphcheck.source.python.bodies import Body
from imp_graphcheck.source.python.evidence import Evidence, evidence_in
from imp_graphcheck.source.python.globals import Globals
from imp_graphcheck.source.python.index import Index
from imp_graphcheck.source.python.methods import Methods
from imp_graphcheck.source.python.sources import Sources
from imp_graphcheck.source.python.syntax import Definition
from imp_graphcheck.source.python.values import (
    NONE,
    NUMBER,
    UNKNOWN,
    Const,
    Func,
    Method,
    Object,
    Unknown,
    Value,
    join,
    options_of,
)

_MOST_CONTEXTS = 6
_MOST_OBJECTS = 40
_DEEPEST = 10
"""Calls within calls that are followed for the sake of a value."""


class Program:
    """`analyses` are all readings, by their ids."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self.sources = Sources(index.directory)
        self.analyses: list[Analysis] = []
        self.too_deep: set[int] = set()
        self.methods = Methods(index)
        self.globals = Globals(index, self.module_values, self._is_being_read)
        self._done: dict[Context, Analysis] = {}
        self._active: set[Context] = set()
        self._readings: list[Analysis] = []
        self._contexts: dict[int, set[Context]] = defaultdict(set)
        self._objects: dict[int, set[Value | None]] = defaultdict(set)
        self._constructed: dict[int, list[Context]] = defaultdict(list)
        self._modules: dict[str, Analysis] = {}
        self._classes: dict[int, Analysis] = {}
        self._attributes: dict[tuple[int, bool, str, int], Value] = {}
        self._evidence: dict[int, Evidence] = {}
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
        return self.globals.annotation(node.returns, self.index.functions[context.number].file)

    def context(self, func: Func, arguments: Arguments) -> Context:
        """The context of calling `func` so."""
        function = self.index.functions[func.number]
        bound = func.bound
        skips_first = bound is not None and not _is_static(function.decorators)
        given = bound_arguments(function.signature, func, arguments, skips_first=skips_first)
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
            known = self._evidence[number] = evidence_in(node, lambda name: self.globals.value(file, name))
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
            value = self.globals.dotted(function.file, name)
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
        method = self.methods.of(of, name)
        if not isinstance(method, Unknown):
            return method
        key = (of.cls, of.is_exact, name, len(self._constructed[of.cls]))
        known = self._attributes.get(key)
        if known is None:
            self._attributes[key] = UNKNOWN
            known = self._attributes[key] = self._stored(of, name)
        return known

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

    # modules

    def _is_being_read(self, file: str) -> bool:
        known = self._modules.get(file)
        return known is not None and known.returns != NUMBER

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


def _is_static(decorators: tuple[str, ...]) -> bool:
    return any(each.rpartition(".")[2] == "staticmethod" for each in decorators)
