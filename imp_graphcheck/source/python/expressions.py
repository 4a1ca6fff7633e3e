"""Expressions: what they may be, and what evaluating them does."""

import ast
from collections.abc import Callable

from imp_graphcheck.source.python.attributes import ATTRIBUTES
from imp_graphcheck.source.python.calls import Calls
from imp_graphcheck.source.python.comparisons import COMPARISONS, Comparisons
from imp_graphcheck.source.python.displays import DISPLAYS, Displays
from imp_graphcheck.source.python.guards import OTHER_PLATFORM, THIS_PLATFORM
from imp_graphcheck.source.python.operators import OPERATORS
from imp_graphcheck.source.python.values import (
    NUMBER,
    PLAIN,
    TEXT,
    UNKNOWN,
    Const,
    Func,
    Group,
    Method,
    Options,
    Tensor,
    Unknown,
    Value,
    as_tensor,
    element_of,
    join,
)


class Expressions(Calls, Comparisons, Displays):
    """Evaluation, node by node."""

    def evaluate(self, node: ast.expr) -> Value:
        handler = _HANDLERS.get(type(node))
        value = handler(self, node) if handler is not None else UNKNOWN
        self.memo[id(node)] = value
        return value

    def _constant(self, node: ast.Constant) -> Value:
        if isinstance(node.value, PLAIN):
            return Const(node.value)
        return NUMBER

    def _name(self, node: ast.Name) -> Value:
        value = self.lookup(node.id)
        if isinstance(value, Unknown) and (OTHER_PLATFORM.match(node.id) or THIS_PLATFORM.match(node.id)):
            return Const(bool(THIS_PLATFORM.match(node.id)), "other platform")
        if node.id in self.surely_tensors:
            value = _if_unknown(value)
        return self.named(node.id, value)

    def _choice(self, node: ast.IfExp) -> Value:
        test = self.evaluate(node.test)
        self.asked(node.test, test)
        before = dict(self.names)
        with self.under(self.guard_of(node.test, negated=False)):
            self.narrow(node.test, True)
            one = self.evaluate(node.body)
        self.names.clear()
        self.names.update(before)
        with self.under(self.guard_of(node.test, negated=True)):
            self.narrow(node.test, False)
            other = self.evaluate(node.orelse)
        self.names.clear()
        self.names.update(before)
        if isinstance(test, Const) and test.why in ("other platform", "not capturing"):
            return one if test.value else other
        return join(one, other)

    def _joined(self, node: ast.JoinedStr) -> Value:
        for each in node.values:
            if isinstance(each, ast.FormattedValue):
                self.evaluate(each)
        return TEXT

    def _formatted(self, node: ast.FormattedValue) -> Value:
        value = self.evaluate(node.value)
        self.shown(node.value, value, "Tensor.__format__")
        return TEXT

    def _lambda(self, node: ast.Lambda) -> Value:
        number = self.index.by_place.get((self.file, node.lineno, node.col_offset))
        if number is None:
            return UNKNOWN
        self.program.sources.keep_lambda(self.file, node)
        return Func(number, None, self.analysis.id)

    def _awaited(self, node: ast.Await) -> Value:
        return self.evaluate(node.value)

    def _yielded(self, node: ast.Yield) -> Value:
        if node.value is not None:
            self.gives(Group("list", self.evaluate(node.value)))
        return UNKNOWN

    def _yielded_from(self, node: ast.YieldFrom) -> Value:
        self.gives(Group("list", element_of(self.evaluate(node.value))))
        return UNKNOWN

    def _walrus(self, node: ast.NamedExpr) -> Value:
        value = self.evaluate(node.value)
        self.assign(node.target, value, node.value)
        return value

    def _starred(self, node: ast.Starred) -> Value:
        self.evaluate(node.value)
        return UNKNOWN

    def _call(self, node: ast.Call) -> Value:
        return self.call(node)


def _if_unknown(value: Value) -> Value:
    """`value`, a tensor where nobody knows what it is."""
    if isinstance(value, (Unknown, Method)):
        return Tensor()
    if isinstance(value, Options) and any(isinstance(each, Unknown) for each in value.options):
        rest = [each for each in value.options if not isinstance(each, (Unknown, Method))]
        tensor = as_tensor(join(*rest)) if rest else None
        return tensor if tensor is not None else value
    if isinstance(value, Tensor) and not value.is_sure:
        return Tensor(value.memory, value.is_bool, value.rank)
    return value


_HANDLERS: dict[type[ast.expr], Callable[..., Value]] = {
    **ATTRIBUTES,
    **OPERATORS,
    **COMPARISONS,
    **DISPLAYS,
    ast.Constant: Expressions._constant,
    ast.Name: Expressions._name,
    ast.Call: Expressions._call,
    ast.IfExp: Expressions._choice,
    ast.Subscript: Expressions.subscript,
    ast.JoinedStr: Expressions._joined,
    ast.FormattedValue: Expressions._formatted,
    ast.Lambda: Expressions._lambda,
    ast.Await: Expressions._awaited,
    ast.Yield: Expressions._yielded,
    ast.YieldFrom: Expressions._yielded_from,
    ast.NamedExpr: Expressions._walrus,
    ast.Starred: Expressions._starred,
}
