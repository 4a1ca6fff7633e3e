"""Operators: what values are together, and what runs only where the first of two is true or false."""

import ast
from collections.abc import Callable

from imp_graphcheck.source.python.copies import Copies
from imp_graphcheck.source.python.guards import Guards
from imp_graphcheck.source.python.values import (
    NUMBER,
    TEXT,
    UNKNOWN,
    Const,
    Group,
    Host,
    Tensor,
    Value,
    as_tensor,
    element_of,
    is_host_value,
    join,
    together,
    without_none,
)


class Operators(Copies, Guards):
    """Evaluation of operators."""

    def _binary(self, node: ast.BinOp) -> Value:
        # By hand to the left: `a + b + c + ...` is as deep as it is long.
        chain = [node]
        left: ast.expr = node.left
        while isinstance(left, ast.BinOp):
            chain.append(left)
            left = left.left
        value = self.evaluate(left)
        for each in reversed(chain):
            right = self.evaluate(each.right)
            if isinstance(each.op, ast.Mod) and (value == TEXT or isinstance(value, Const)):
                self._shown_in(each.right, right)
                value = TEXT
            else:
                value = self.combined(each.op, value, right)
            self.memo[id(each)] = value
        return value

    def _shown_in(self, node: ast.expr, value: Value) -> None:
        """`text % value`."""
        if isinstance(node, ast.Tuple):
            for each in node.elts:
                self.shown(each, self.memo.get(id(each), UNKNOWN), "Tensor.__format__")
        else:
            self.shown(node, value, "Tensor.__format__")

    def combined(self, operator: ast.operator, one: Value, other: Value) -> Value:
        """`one`, `operator`, `other`."""
        left, right = as_tensor(one), as_tensor(other)
        if left is not None or right is not None:
            given = [each for each in (left, right) if each is not None]
            memory = together(*given)
            both = all(each.is_bool for each in given) and isinstance(
                operator, (ast.BitAnd, ast.BitOr, ast.BitXor)
            )
            return Tensor(
                memory,
                True if both else None if isinstance(operator, (ast.BitAnd, ast.BitOr)) else False,
                None,
                any(each.is_sure for each in given),
            )
        if isinstance(one, Group) and isinstance(operator, ast.Add):
            return Group(one.kind, join(one.element, element_of(other)))
        if isinstance(one, Group) and isinstance(operator, ast.Mult):
            return Group(one.kind, one.element)
        if is_host_value(one) and is_host_value(other):
            return one if isinstance(one, Host) and one.what == "numpy" else NUMBER
        return UNKNOWN

    def _boolean(self, node: ast.BoolOp) -> Value:
        found = []
        pushed = 0
        for number, each in enumerate(node.values):
            value = self.evaluate(each)
            is_last = number == len(node.values) - 1
            if not is_last:
                self.asked(each, value)
                negated = isinstance(node.op, ast.Or)
                self.push(self.guard_of(each, negated=negated))
                pushed += 1
                found.append(without_none(value) if negated else value)
            else:
                found.append(value)
        del self.stack[len(self.stack) - pushed :]
        if isinstance(node.op, ast.And):
            known = [each for each in found if isinstance(each, Const) and not each.value]
            if known:
                return known[0]
            return found[-1] if as_tensor(found[-1]) is None else join(*found[-1:])
        return join(*found)

    def _unary(self, node: ast.UnaryOp) -> Value:
        value = self.evaluate(node.operand)
        if isinstance(node.op, ast.Not):
            self.asked(node.operand, value)
            if isinstance(value, Const):
                return Const(not value.value, value.why)
            return Host("environment") if value == Host("environment") else NUMBER
        tensor = as_tensor(value)
        if tensor is not None:
            return tensor
        if isinstance(value, Const) and isinstance(value.value, int) and isinstance(node.op, ast.USub):
            return Const(-value.value, value.why)
        return NUMBER if is_host_value(value) else UNKNOWN


OPERATORS: dict[type[ast.expr], Callable[..., Value]] = {
    ast.BinOp: Operators._binary,
    ast.BoolOp: Operators._boolean,
    ast.UnaryOp: Operators._unary,
}
"""Who evaluates a node of which type."""
