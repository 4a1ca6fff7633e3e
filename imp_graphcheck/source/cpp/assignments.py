"""Assignments: what is put where, and the operators and constructors that it runs."""

from collections.abc import Callable

from tree_sitter import Node

from imp_graphcheck.source.cpp.calls import Calls
from imp_graphcheck.source.cpp.constructions import Constructions
from imp_graphcheck.source.cpp.facts import Assigned, Call
from imp_graphcheck.source.cpp.operators import Operators
from imp_graphcheck.source.cpp.syntax import line_of

_LITERALS = frozenset(
    {"number_literal", "string_literal", "char_literal", "true", "false", "null", "initializer_list"}
)


class Assignments(Calls, Constructions, Operators):
    """Assignments in a body."""

    def _assign(self, node: Node) -> None:
        assert self.function is not None
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is None or right is None:
            return
        self.walk(left) if left.type not in ("identifier", "field_expression") else None
        variable = self.expressions.text(left)
        self.changed(left)
        if right.type == "lambda_expression":
            self.function.lambdas[variable] = self.lambda_function(right)
            if variable not in self.function.locals:
                self.add(Call("lambda", "?", line_of(node), target=self.function.lambdas[variable]))
            return
        if variable not in self.function.locals:
            self.set_from(variable.removeprefix("this->"), self.expressions.words(right))
        made = self.expressions.made(right)
        if made:
            name = variable.removeprefix("this->").split("[")[0].split(".")[-1].split("->")[-1]
            self.facts.assigned.append(Assigned(self.function.scope, name, made))
        known = self.function.locals.get(variable)
        if known is not None and "getenv" in self.expressions.words(right):
            known.text += " " + self.expressions.words(right)
        if self.may_be_object(left) and right.type not in _LITERALS:
            given = (self.expressions.expression(left), self.expressions.expression(right))
            operator = node.child_by_field_name("operator")
            sign = operator.type if operator is not None else "="
            self.add(Call("operator", f"operator{sign}", line_of(node), arity=1, values=given))
        if right.type == "initializer_list":
            values = self.values(right)
            self.add(
                Call(
                    "construct",
                    "",
                    line_of(node),
                    receiver=self.expressions.expression(left),
                    arity=len(values),
                    values=values,
                )
            )
        if right.type == "identifier":
            self.identifier(right)
        else:
            self.walk(right)


ASSIGNMENTS: dict[str, Callable[[Assignments, Node], None]] = {
    "assignment_expression": Assignments._assign,
}
"""Who reads a node of which type."""
