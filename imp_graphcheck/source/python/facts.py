"""What is kept of a source file once its tree of syntax is gone: plain data that one process can hand to another."""

from dataclasses import dataclass, field
from typing import Literal

Place = tuple[int, int]
"""Line and column at which a definition begins: how it is found again when the file is parsed once more."""


@dataclass(slots=True)
class Mention:
    """A call that is a site by its name alone, as far as a name can tell."""

    line: int
    api: str
    text: str


@dataclass(frozen=True, slots=True)
class Signature:
    """What a function takes: `places` by position, `by_name` only by name, `defaults` those that are constants."""

    places: tuple[str, ...] = ()
    by_name: tuple[str, ...] = ()
    rest: str = ""
    defaults: tuple[tuple[str, object], ...] = ()


@dataclass(slots=True)
class Function:
    """A function, method or lambda. `scope` are the names around it; `owner` and `parent` are numbers of the file's
    classes and functions, -1 for none. `stores` are attributes of `self` that the body assigns, `calls` the last names
    of what it calls.
    """

    file: str
    name: str
    scope: tuple[str, ...]
    line: int
    last_line: int
    place: Place
    owner: int = -1
    parent: int = -1
    decorators: tuple[str, ...] = ()
    signature: Signature = Signature()
    is_abstract: bool = False
    stores: frozenset[str] = frozenset()
    calls: frozenset[str] = frozenset()
    mentions: tuple[Mention, ...] = ()

    @property
    def qualified(self) -> str:
        return ".".join((*self.scope, self.name))


@dataclass(slots=True)
class Class:
    """A class. `bases` are dotted names, empty where a base is an expression. `assigned` are names in its body,
    `stored` says which functions of the file assign an attribute of its objects.
    """

    file: str
    name: str
    scope: tuple[str, ...]
    line: int
    place: Place
    parent: int = -1
    bases: tuple[str, ...] = ()
    decorators: tuple[str, ...] = ()
    methods: dict[str, list[int]] = field(default_factory=dict)
    assigned: frozenset[str] = frozenset()
    stored: dict[str, list[int]] = field(default_factory=dict)

    @property
    def qualified(self) -> str:
        return ".".join((*self.scope, self.name))


@dataclass(frozen=True, slots=True)
class Binding:
    """What a name of a module stands for: a `def` or `class` of this number, the module `module`, the name `name` `from`
    a module (`level` dots before it), or what is assigned to it.
    """

    kind: Literal["def", "class", "import", "from", "assign"]
    number: int = -1
    module: str = ""
    name: str = ""
    level: int = 0


@dataclass(slots=True)
class FileFacts:
    """One file. `registered` are functions handed to a registry of operators: `ns::op` or `op` -> its name here.
    `filled` are containers of the module -> functions that put something into them.
    """

    path: str
    lines: int
    functions: list[Function] = field(default_factory=list)
    classes: list[Class] = field(default_factory=list)
    bindings: dict[str, list[Binding]] = field(default_factory=dict)
    stars: list[tuple[str, int]] = field(default_factory=list)
    registered: dict[str, str] = field(default_factory=dict)
    filled: dict[str, list[int]] = field(default_factory=dict)
