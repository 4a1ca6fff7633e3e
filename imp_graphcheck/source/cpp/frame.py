"""Where the reading of one body stands: its function, the guards it is under, and what it has found so far."""

from abc import ABC, abstractmethod
from collections.abc import Callable

from tree_sitter import Node

from imp_graphcheck.source.cpp.expressions import Expressions
from imp_graphcheck.source.cpp.facts import Call, FileFacts, Function, Guard
from imp_graphcheck.source.cpp.preprocessor import Condition


class Frame(ABC):
    """The state of a reading. What walks is built on it.

    `macros` are names whose use may be a call without parentheses, `dropping` macros that in some builds do nothing with
    their arguments. `on_class` is told of classes that are defined inside of functions, and of the scope they are in.
    """

    def __init__(
        self,
        expressions: Expressions,
        facts: FileFacts,
        conditions: list[tuple[Condition, ...]],
        macros: frozenset[str],
        dropping: frozenset[str],
        on_class: Callable[[Node, tuple[str, ...]], None],
    ) -> None:
        self.expressions = expressions
        self.facts = facts
        self.conditions = conditions
        self.macros, self.dropping = macros, dropping
        self.on_class = on_class
        self.function: Function | None = None
        self.guards: tuple[int, ...] = ()

    @abstractmethod
    def read(self, node: Node, function: Function) -> int:
        """Read the body of `node` into `function`; its number among the functions of the file."""

    @abstractmethod
    def walk(self, node: Node) -> None:
        """Everything that runs when `node` runs."""

    def under(self, guard: Guard | None, nodes: "list[Node | None]") -> None:
        """Walk `nodes` as what runs under `guard`, if there is one."""
        before = self.guards
        if guard is not None:
            self.guards = (*before, self.number(guard))
        for node in nodes:
            if node is not None:
                self.walk(node)
        self.guards = before

    def number(self, guard: Guard) -> int:
        """Keep `guard`; its number among those of the function."""
        assert self.function is not None
        self.function.guards.append(guard)
        return len(self.function.guards) - 1

    def add(self, call: Call) -> None:
        """Note `call` under the guards that hold here, the `#if`s inside of the function among them."""
        if self.function is None:
            return
        guards = self.guards
        conditions = self.conditions_at(call.line)
        around = self.conditions_at(self.function.line)
        for condition in conditions[len(around) :] if conditions[: len(around)] == around else conditions:
            guards = (*guards, self.number(Guard("#if", condition.text, condition.negated, call.line)))
        call.guards = guards
        self.function.calls.append(call)

    def conditions_at(self, line: int) -> tuple[Condition, ...]:
        """The `#if`s that line `line` stands in, outermost first."""
        return self.conditions[line - 1] if line <= len(self.conditions) else ()
