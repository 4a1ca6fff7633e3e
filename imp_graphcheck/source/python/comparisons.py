"""Comparisons: of tensors, of settings, and with what says which platform this is."""

import ast
from collections.abc import Callable

from imp_graphcheck.source.python.copies import Copies
from imp_graphcheck.source.python.values import (
    NONE,
    NUMBER,
    TEXT,
    Const,
    Device,
    Func,
    Group,
    Host,
    Method,
    Object,
    Options,
    Tensor,
    Unknown,
    Value,
    as_tensor,
    together,
)


class Comparisons(Copies):
    """Evaluation of comparisons."""

    def _compare(self, node: ast.Compare) -> Value:
        left = self.evaluate(node.left)
        result: Value = NUMBER
        for operator, right_node in zip(node.ops, node.comparators, strict=True):
            right = self.evaluate(right_node)
            result = self._compared(node, operator, left, right, right_node)
            if len(node.ops) > 1 and isinstance(result, Tensor) and right_node is not node.comparators[-1]:
                # `a < t < b` asks whether the first half is true.
                self.asked(node, result)
            left = right
        return result

    def _compared(
        self, node: ast.Compare, operator: ast.cmpop, left: Value, right: Value, right_node: ast.expr
    ) -> Value:
        one, other = as_tensor(left), as_tensor(right)
        if isinstance(operator, (ast.Is, ast.IsNot)):
            if right == NONE and isinstance(left, Const):
                return Const((left.value is None) == isinstance(operator, ast.Is), left.why)
            if right == NONE and not isinstance(left, (Options, Unknown, Host, Method)):
                return (
                    Const(isinstance(operator, ast.IsNot))
                    if isinstance(left, (Object, Func, Group))
                    else NUMBER
                )
            return NUMBER
        if isinstance(operator, (ast.In, ast.NotIn)):
            return self._contained(node, operator, left, right, other)
        if one is not None or other is not None:
            given = [each for each in (one, other) if each is not None]
            if any(
                (isinstance(each, Const) and isinstance(each.value, str)) or each == TEXT
                for each in (left, right)
            ):
                return NUMBER
            memory = together(*given)
            return Tensor(memory, True, None, any(each.is_sure for each in given))
        for this, that in ((left, right), (right, left)):
            if isinstance(this, Host) and this.what == "device type" and isinstance(that, Const):
                return Const((that.value == "cuda") == isinstance(operator, ast.Eq), "other platform")
            if this == Host("environment"):
                return this
        if isinstance(left, Device) and left.memory is not None and isinstance(right, (Const, Device)):
            return NUMBER
        if (
            isinstance(left, Const)
            and isinstance(right, Const)
            and (left.why or right.why)
            and isinstance(operator, (ast.Eq, ast.NotEq))
        ):
            return Const((left.value == right.value) == isinstance(operator, ast.Eq), left.why or right.why)
        if (
            isinstance(left, Const)
            and isinstance(right, Const)
            and left.why
            and isinstance(left.value, int)
            and isinstance(right.value, int)
        ):
            compared = {
                ast.Gt: left.value > right.value,
                ast.Lt: left.value < right.value,
                ast.GtE: left.value >= right.value,
                ast.LtE: left.value <= right.value,
            }
            return Const(compared.get(type(operator), False), left.why)
        return NUMBER

    def _contained(
        self, node: ast.Compare, operator: ast.cmpop, left: Value, right: Value, other: Tensor | None
    ) -> Value:
        if other is not None and other.is_sure and not other.is_host:
            self.reads(node, other, "Tensor.__contains__")
            return NUMBER
        if right == Host("environ"):
            return Const(isinstance(operator, ast.NotIn), "environment")
        if isinstance(left, Const) and left.why and isinstance(right, Group) and right.items is not None:
            known = [each.value for each in right.items if isinstance(each, Const)]
            if len(known) == len(right.items):
                return Const((left.value in known) == isinstance(operator, ast.In), left.why)
        if (
            isinstance(left, Host)
            and left.what == "device type"
            and isinstance(right, Group)
            and right.items is not None
        ):
            known = [each.value for each in right.items if isinstance(each, Const)]
            return Const(("cuda" in known) == isinstance(operator, ast.In), "other platform")
        return left if left == Host("environment") else NUMBER


COMPARISONS: dict[type[ast.expr], Callable[..., Value]] = {
    ast.Compare: Comparisons._compare,
}
"""Who evaluates a node of which type."""
