"""Branches: the guards of what is inside of them, and what names are after them."""

import ast
from abc import abstractmethod
from collections.abc import Sequence

from imp_graphcheck.source.python.analysis import Guard
from imp_graphcheck.source.python.arguments import Arguments
from imp_graphcheck.source.python.expressions import Expressions
from imp_graphcheck.source.python.syntax import dotted
from imp_graphcheck.source.python.values import (
    UNKNOWN,
    Device,
    ExternalObject,
    Func,
    Group,
    Object,
    Value,
    element_of,
    join,
    options_of,
)

_KEY_ERRORS = ("KeyError", "AttributeError", "IndexError")


class Branches(Expressions):
    """Blocks, and the statements that run them or not."""

    @abstractmethod
    def statement(self, node: ast.stmt) -> bool:
        """Read one statement; whether what follows it is never reached."""

    def block(self, body: Sequence[ast.stmt]) -> bool:
        """Read statements; whether the end is never reached."""
        depth = len(self.stack)
        ended = False
        for each in body:
            if self.statement(each):
                ended = True
                break
        del self.stack[depth:]
        return ended

    def _block_here(self, body: Sequence[ast.stmt]) -> bool:
        """As `block`, but what a return inside guards goes on behind it."""
        return any(self.statement(each) for each in body)

    def read_if(self, node: ast.If) -> bool:
        """`if`, and the `elif`s below it; whether every branch leaves the block."""
        # By hand down the `elif`s: there may be a thousand.
        depth = len(self.stack)
        ends: list[dict[str, Value]] = []
        here: ast.If = node
        all_ended = True
        after: list[Guard] = []
        while True:
            self.asked(here.test, self.evaluate(here.test))
            before = dict(self.names)
            aliases = dict(self.aliases)
            guard = self.guard_of(here.test, negated=False)
            with self.under(guard):
                self.narrow(here.test, True)
                ended = self.block(here.body)
            if not ended:
                ends.append(dict(self.names))
                all_ended = False
            else:
                after.append(self.guard_of(here.test, negated=True, kind="return"))
            self._set(before)
            self.aliases = aliases if ended else self.aliases
            otherwise = self.guard_of(here.test, negated=True)
            self.push(otherwise)
            self.narrow(here.test, False)
            only = here.orelse[0] if len(here.orelse) == 1 else None
            if isinstance(only, ast.If):
                here = only
                continue
            ended = self.block(here.orelse) if here.orelse else False
            if not ended:
                ends.append(dict(self.names))
                all_ended = False
            elif not all_ended and len(ends) == 1:
                after.append(self.guard_of(here.test, negated=False, kind="return"))
            break
        del self.stack[depth:]
        self._set(_merged(ends) if ends else self.names)
        if not all_ended:
            for each in after:
                self.push(each)
        return all_ended

    def _set(self, names: dict[str, Value]) -> None:
        if names is not self.names:
            copied = dict(names)
            self.names.clear()
            self.names.update(copied)

    def read_for(self, node: ast.For | ast.AsyncFor) -> None:
        """`for`."""
        element = element_of(self.evaluate(node.iter))
        before = dict(self.names)
        self.assign(node.target, element)
        self.block(node.body)
        self._set(_merged([before, dict(self.names)]))
        self.block(node.orelse)

    def read_while(self, node: ast.While) -> None:
        """`while`."""
        self.asked(node.test, self.evaluate(node.test))
        before = dict(self.names)
        with self.under(self.guard_of(node.test, negated=False, kind="while")):
            self.narrow(node.test, True)
            self.block(node.body)
        self._set(_merged([before, dict(self.names)]))
        self.block(node.orelse)

    def read_with(self, node: ast.With | ast.AsyncWith) -> bool:
        """`with`; whether what follows it is never reached."""
        memory = self.memory_here
        for item in node.items:
            value = self.evaluate(item.context_expr)
            for each in options_of(value):
                if isinstance(each, Device):
                    self.memory_here = self.memory_of_device(each)
                if isinstance(each, Object):
                    for name in ("__enter__", "__exit__", "__aenter__", "__aexit__"):
                        method = self.program.methods.of(each, name)
                        if isinstance(method, Func):
                            entered = self.call_function(
                                item.context_expr,
                                method,
                                Arguments(is_open=True),
                                item.context_expr.lineno,
                                len(options_of(value)) == 1,
                            )
                            if name == "__enter__":
                                value = entered
            if item.optional_vars is not None:
                inner = (
                    value.element
                    if isinstance(value, Group) and isinstance(item.context_expr, ast.Call)
                    else value
                )
                self.assign(item.optional_vars, inner)
        ended = self._block_here(node.body)
        self.memory_here = memory
        return ended

    def read_try(self, node: ast.Try | ast.TryStar) -> bool:
        """`try`; whether what follows it is never reached."""
        before = dict(self.names)
        ended = self._block_here(node.body)
        ended = ended or self.block(node.orelse)
        ends = [] if ended else [dict(self.names)]
        in_body = frozenset(
            name
            for each in node.body
            for inner in ast.walk(each)
            if ((name := dotted(inner)) and "." in name)
            or (isinstance(inner, ast.Name) and (name := inner.id))
        )
        for handler in node.handlers:
            self._set(before)
            caught = self.text(handler.type) if handler.type is not None else ""
            guard = self.plain_guard("catch", handler, f"except {caught}".strip(), "error")
            if any(word in caught for word in _KEY_ERRORS):
                guard.names, guard.compares = in_body, True
            if handler.name:
                self.names[handler.name] = ExternalObject("builtins.Exception")
            with self.under(guard):
                if not self.block(handler.body):
                    ends.append(dict(self.names))
        if ends:
            self._set(_merged(ends))
        self.block(node.finalbody)
        return not ends

    def read_match(self, node: ast.Match) -> None:
        """`match`."""
        subject = self.evaluate(node.subject)
        before = dict(self.names)
        ends = [before]
        for case in node.cases:
            self._set(before)
            for inner in ast.walk(case.pattern):
                name = getattr(inner, "name", None) or getattr(inner, "rest", None)
                if isinstance(name, str):
                    self.names[name] = (
                        subject if isinstance(inner, ast.MatchAs) and inner is case.pattern else UNKNOWN
                    )
            text = f"{self.text(node.subject)} is {self.text(case.pattern)}"
            with self.under(self.plain_guard("case", case.pattern, text, "other")):
                if case.guard is not None:
                    self.asked(case.guard, self.evaluate(case.guard))
                if not self.block(case.body):
                    ends.append(dict(self.names))
        self._set(_merged(ends))


def _merged(ends: Sequence[dict[str, Value]]) -> dict[str, Value]:
    """What names are after one of several branches."""
    if len(ends) == 1:
        return ends[0]
    merged: dict[str, Value] = {}
    for name in dict.fromkeys(name for each in ends for name in each):
        values = [each[name] for each in ends if name in each]
        if len(values) < len(ends) and "." in name:
            # Known of an attribute in one branch only: elsewhere it is what its class says.
            continue
        first = values[0]
        merged[name] = first if all(each is first for each in values) else join(*values)
    return merged
