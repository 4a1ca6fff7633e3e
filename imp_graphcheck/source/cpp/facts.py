"""What is kept of a source file: plain data that one process can hand to another."""

import re
from dataclasses import dataclass, field
from typing import Literal

from imp_graphcheck.source.cpp.preprocessor import Macro

Expr = tuple[object, ...]
"""An expression as far as its type can be told, innermost first:

    ("this",)  ("name", scope, name)  ("field", Expr, name)  ("index", Expr)  ("deref", Expr)
    ("call", Expr | None, scope, name, arguments)  ("type", text)  ("unknown",)
"""

UNKNOWN: Expr = ("unknown",)
THIS: Expr = ("this",)

_NEGATION = re.compile(r"!\s*[\w:.]+(?:->\w+)*(?:\([^()]*\))?")

GuardKind = Literal["if", "case", "catch", "static", "once", "#if", "macro", "return", "thread", "fatal"]
CallKind = Literal["call", "construct", "destroy", "operator", "macro", "lambda", "mention", "pointer"]


@dataclass(frozen=True, slots=True)
class Guard:
    """A condition under which code runs. `return`: one under which it is not reached, since the function was left.
    `fatal`: one under which the program gives up.
    """

    kind: GuardKind
    text: str
    negated: bool = False
    line: int = 0

    def __str__(self) -> str:
        if self.kind == "#if":
            return f"#if not ({self.text})" if self.negated else f"#if {self.text}"
        if self.kind in ("catch", "static", "once", "macro", "thread"):
            return self.text
        if not self.negated:
            return self.text
        is_negation = _NEGATION.fullmatch(self.text) is not None
        return self.text[1:].strip() if is_negation else f"!({self.text})"


@dataclass(slots=True)
class Call:
    """One call in a body. `arguments` are the words of the source, kept where they matter.

    `mention`: a function is named and not called. `lambda`: number `target` of the file's functions is handed to
    whatever `name` is, or run on the spot where `name` is empty.
    """

    kind: CallKind
    name: str
    line: int
    scope: tuple[str, ...] = ()
    receiver: Expr | None = None
    arity: int = 0
    arguments: tuple[str, ...] = ()
    values: tuple[Expr, ...] = ()
    guards: tuple[int, ...] = ()
    target: int = -1
    position: int = -1
    template_arguments: str = ""
    inner: tuple[Guard, ...] = ()
    """Guards inside of the macro that makes the call, and where that macro is defined."""
    macro: tuple[str, str, int] | None = None


@dataclass(frozen=True, slots=True)
class Parameter:
    """`type` in the words of the source."""

    name: str
    type: str
    has_default: bool = False
    default: Expr = UNKNOWN


@dataclass(slots=True)
class Local:
    """A variable: its type in the words of the source, or `auto` and what it was made from."""

    type: str
    value: Expr = UNKNOWN
    text: str = ""
    is_static: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """A variable that a body changes, under these guards. `is_through`: what it points at is changed, not itself."""

    name: str
    is_through: bool
    guards: tuple[int, ...]


@dataclass(slots=True)
class Function:
    """A function that has a body. `scope` are the namespaces and classes around it; `owner` the innermost class."""

    file: str
    name: str
    scope: tuple[str, ...]
    line: int
    last_line: int
    parameters: tuple[Parameter, ...] = ()
    is_variadic: bool = False
    is_file_local: bool = False
    is_device: bool = False
    is_method: bool = False
    is_virtual: bool = False
    is_template: bool = False
    specialises: str = ""
    """The template arguments of an explicit specialisation."""
    outer: tuple[Guard, ...] = ()
    """The `#if`s around the function."""
    returns: str = ""
    locals: dict[str, Local] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    guards: list[Guard] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    parent: int = -1
    lambdas: dict[str, int] = field(default_factory=dict)
    reads_environment: bool = False
    given_away: set[str] = field(default_factory=set)
    """Variables that are moved or returned, so that what they hold does not end with them."""

    @property
    def qualified(self) -> str:
        return "::".join((*self.scope, self.name))

    def takes(self, arguments: int) -> bool:
        """Whether it can be called with so many arguments."""
        needed = sum(not each.has_default for each in self.parameters)
        return needed <= arguments and (self.is_variadic or arguments <= len(self.parameters))


@dataclass(slots=True)
class Method:
    """A method as its class declares it. `needed` of `total` arguments have no default."""

    name: str
    is_virtual: bool
    is_pure: bool
    returns: str
    needed: int = 0
    total: int = 0
    defaults: tuple[Expr, ...] = ()


@dataclass(slots=True)
class Class:
    """A class that has a body."""

    file: str
    name: str
    scope: tuple[str, ...]
    line: int
    bases: tuple[str, ...] = ()
    fields: dict[str, Local] = field(default_factory=dict)
    methods: dict[str, list[Method]] = field(default_factory=dict)

    @property
    def qualified(self) -> str:
        return "::".join((*self.scope, self.name))


@dataclass(slots=True)
class Assigned:
    """`new T` or `make_unique<T>()` was put into a field or variable: the type it has when the program runs."""

    scope: tuple[str, ...]
    name: str
    type: str


@dataclass(slots=True)
class FileFacts:
    """One file. `opaque` are the lines that the grammar could not make sense of."""

    path: str
    lines: int
    functions: list[Function] = field(default_factory=list)
    classes: list[Class] = field(default_factory=list)
    globals: dict[str, Local] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    enums: list[str] = field(default_factory=list)
    assigned: list[Assigned] = field(default_factory=list)
    mentioned: dict[str, int] = field(default_factory=dict)
    tables: dict[str, list[str]] = field(default_factory=dict)
    """Names that stand in the initialiser of a variable outside of functions."""
    given: dict[str, set[str]] = field(default_factory=dict)
    """Names that a template of this name is given somewhere."""
    switches: list[Assigned] = field(default_factory=list)
    """Fields and variables that are set from the environment; `type` is the expression."""
    declared: dict[str, list[Method]] = field(default_factory=dict)
    includes: list[str] = field(default_factory=list)
    macros: list[Macro] = field(default_factory=list)
    opaque: list[tuple[int, int, str]] = field(default_factory=list)
