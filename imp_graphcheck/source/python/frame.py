"""Where the reading of one body stands: its names, the guards it is under, and what it has found so far."""

import ast
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from imp_graphcheck.apis import ApiCall, InCapture
from imp_graphcheck.record.audit import CallClass, HostMemory
from imp_graphcheck.source.guard_class import GuardClass
from imp_graphcheck.source.python.analysis import Analysis, Edge, Guard, GuardKind, RawSite, Store
from imp_graphcheck.source.python.arguments import Arguments
from imp_graphcheck.source.python.facts import Function
from imp_graphcheck.source.python.syntax import words_of
from imp_graphcheck.source.python.values import UNKNOWN, Func, Value

if TYPE_CHECKING:
    from imp_graphcheck.source.python.program import Program


class Frame(ABC):
    """The state of one reading. What evaluates and walks is built on it."""

    def __init__(self, program: "Program", analysis: Analysis, function: Function | None, file: str) -> None:
        self.program = program
        self.index = program.index
        self.analysis = analysis
        self.function = function
        self.file = file
        self.lines = program.sources.lines(file)
        self.names: dict[str, Value] = analysis.variables
        self.aliases: dict[str, str] = {}
        """A local name -> the attribute that it was read from."""
        self.outliving: set[str] = set()
        """Names that are declared global or nonlocal."""
        self.stack: list[int] = []
        self.surely_tensors: frozenset[str] = frozenset()
        """Names that the body uses as only tensors are."""
        self.muted = 0
        self.memory_here: str | None = None
        self.is_wanted = True
        """Whether anybody looks at what the next call gives back."""
        self.memo: dict[int, Value] = {}
        self.own = ""
        """What a method calls its object; empty in a function inside of it."""
        self.returned: list[Value] = []

    @property
    def guards(self) -> tuple[int, ...]:
        return tuple(self.stack)

    def text(self, node: ast.AST) -> str:
        return words_of(node, self.lines)

    @abstractmethod
    def evaluate(self, node: ast.expr) -> Value:
        """What `node` may be; its calls and sites are noted on the way."""

    @contextmanager
    def under(self, guard: Guard) -> Iterator[None]:
        """Code under `guard`."""
        self.push(guard)
        try:
            yield
        finally:
            self.stack.pop()

    def push(self, guard: Guard) -> None:
        """Everything from here on, up to a `pop` of the stack, is under `guard`."""
        self.stack.append(len(self.analysis.guards))
        self.analysis.guards.append(guard)

    def plain_guard(self, kind: GuardKind, node: ast.AST, text: str, cls: GuardClass) -> Guard:
        return Guard(kind, text, False, getattr(node, "lineno", 0), cls)

    @contextmanager
    def silently(self) -> Iterator[None]:
        """Nothing found in here is noted."""
        self.muted += 1
        try:
            yield
        finally:
            self.muted -= 1

    # what is found

    def site(
        self,
        node: ast.AST,
        name: str,
        kind: CallClass,
        in_capture: InCapture,
        *,
        line: int = 0,
        host: HostMemory | None = None,
        note: str = "",
        is_sure: bool = True,
        harmless: str = "",
        caller: str = "",
        api: ApiCall | None = None,
        text: str = "",
    ) -> None:
        """Note a call that a capture minds."""
        if self.muted:
            return
        if api is None:
            api = ApiCall(name=name, kind=kind, in_capture=in_capture, is_lazy=kind == "handle")
        self.analysis.sites.append(
            RawSite(
                line=line or getattr(node, "lineno", 0),
                api=api,
                kind=kind,
                text=text or self.text(node),
                guards=self.guards,
                host=host,
                note=note,
                is_sure=is_sure,
                harmless=harmless,
                caller=caller,
            )
        )

    def edge(
        self,
        function: Func,
        arguments: Arguments,
        line: int,
        *,
        is_certain: bool = True,
        why: str = "",
        wants_value: bool = True,
    ) -> Value:
        """Note a call of `function`; what it returns."""
        context = self.program.context(function, arguments)
        if not self.muted:
            self.analysis.edges.append(Edge(context, line, self.guards, is_certain, why))
        return self.program.returned(context) if wants_value else UNKNOWN

    def store(self, name: str) -> None:
        """Note that `name` is changed, if it outlives the call."""
        if "." not in name and name in self.names and name not in self.outliving:
            return
        self.analysis.stores.append(Store(name, self.guards))

    def gives(self, value: Value) -> None:
        """The function gives `value` back."""
        self.returned.append(value)

    def unknown_call(self, node: ast.expr, line: int) -> None:
        if not self.muted:
            self.analysis.unknown.append((self.text(node), line))

    # names

    def lookup(self, name: str) -> Value:
        """What `name` stands for here."""
        if name in self.names and name not in self.outliving:
            return self.names[name]
        closure = self.analysis.context.closure
        while closure >= 0:
            outer = self.program.analyses[closure]
            if name in outer.variables:
                return outer.variables[name]
            closure = outer.context.closure
        if name in self.names:
            return self.names[name]
        return self.program.globals.value(self.file, name)

    def own_name(self) -> str:
        """What the object is called in this method: `self`."""
        if self.own:
            return self.own
        closure = self.analysis.context.closure
        while closure >= 0:
            outer = self.program.analyses[closure]
            number = outer.context.number
            if number >= 0 and self.index.functions[number].owner >= 0:
                return "self"
            closure = outer.context.closure
        return ""
