"""Operators: those that a class may define, and the second halves that run under the first."""

from collections.abc import Callable

from tree_sitter import Node

from imp_graphcheck.source.cpp.facts import Call, Guard
from imp_graphcheck.source.cpp.frame import Frame
from imp_graphcheck.source.cpp.syntax import line_of
from imp_graphcheck.source.cpp.types import parse_type


class Operators(Frame):
    """Operators in a body."""

    def _binary(self, node: Node) -> None:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        operator = node.child_by_field_name("operator")
        sign = operator.type if operator is not None else ""
        if left is None or right is None or sign not in ("&&", "||", "and", "or"):
            for child in node.named_children:
                self.walk(child)
            if left is not None and right is not None and left.type == "identifier":
                self._operator_on(left, right, sign)
            return
        self.walk(left)
        self.under(Guard("if", self.expressions.words(left), sign in ("||", "or"), line_of(node)), [right])

    def _operator_on(self, left: Node, right: Node, sign: str) -> None:
        assert self.function is not None
        if self.expressions.text(left) in self.function.locals and self.may_be_object(left):
            given = (self.expressions.expression(left), self.expressions.expression(right))
            self.add(Call("operator", f"operator{sign}", line_of(left), arity=1, values=given))

    def _subscript(self, node: Node) -> None:
        for child in node.named_children:
            self.walk(child)
        argument = node.child_by_field_name("argument")
        if argument is not None and self.may_be_object(argument):
            given = (self.expressions.expression(argument),)
            self.add(Call("operator", "operator[]", line_of(node), arity=1, values=given))

    def may_be_object(self, node: Node) -> bool:
        """Whether this can be an object of a class, as far as the body itself says."""
        assert self.function is not None
        if node.type not in ("identifier", "field_expression"):
            return False
        local = self.function.locals.get(self.expressions.text(node))
        if local is None:
            return True
        kind = parse_type(local.type)
        return not kind.stars and not kind.is_number


OPERATORS: dict[str, Callable[[Operators, Node], None]] = {
    "binary_expression": Operators._binary,
    "subscript_expression": Operators._subscript,
}
"""Who reads a node of which type."""
