"""Constructions: objects that are made and deleted where no variable holds them, and fields."""

from collections.abc import Callable

from tree_sitter import Node

from imp_graphcheck.source.cpp.changes import Changes
from imp_graphcheck.source.cpp.facts import Assigned, Call, Expr
from imp_graphcheck.source.cpp.syntax import line_of


class Constructions(Changes):
    """Objects in a body."""

    def field_initialisers(self, node: Node) -> None:
        """The fields and bases that a constructor makes before its body."""
        assert self.function is not None
        for child in node.named_children:
            if child.type != "field_initializer" or not child.named_children:
                continue
            name = self.expressions.text(child.named_children[0])
            values = child.named_children[1:]
            self.set_from(name, " ".join(self.expressions.words(value).strip("(){}") for value in values))
            for value in values:
                self.walk(value)
                inner = value.named_children[0] if value.named_child_count == 1 else None
                made = self.expressions.made(inner) if inner is not None else ""
                if made:
                    self.facts.assigned.append(Assigned(self.function.scope, name.split("::")[-1], made))
            given = tuple(each for value in values for each in self.values(value))
            self.add(
                Call(
                    "construct",
                    name,
                    line_of(child),
                    arity=len(given),
                    scope=("(field)",),
                    values=given,
                )
            )

    def _new(self, node: Node) -> None:
        kind = node.child_by_field_name("type")
        arguments = node.child_by_field_name("arguments")
        if kind is not None:
            values = self.values(arguments)
            self.add(
                Call(
                    "construct",
                    self.expressions.text(kind),
                    line_of(node),
                    scope=("(new)",),
                    arity=len(values),
                    values=values,
                )
            )
        if arguments is not None:
            self.walk(arguments)

    def _delete(self, node: Node) -> None:
        for child in node.named_children:
            self.walk(child)
            self.add(
                Call(
                    "destroy",
                    self.expressions.words(child),
                    line_of(node),
                    values=(self.expressions.expression(child),),
                )
            )

    def _compound_literal(self, node: Node) -> None:
        kind, value = node.child_by_field_name("type"), node.child_by_field_name("value")
        if kind is not None:
            values = self.values(value)
            self.add(
                Call(
                    "construct",
                    self.expressions.text(kind),
                    line_of(node),
                    arity=len(values),
                    values=values,
                )
            )
        if value is not None:
            self.walk(value)

    def _return(self, node: Node) -> None:
        """`return {a, b};` makes what the function returns."""
        assert self.function is not None
        for child in node.named_children:
            if child.type == "identifier":
                self.function.given_away.add(self.expressions.text(child))
            if child.type == "initializer_list" and self.function.returns:
                values = self.values(child)
                self.add(
                    Call("construct", self.function.returns, line_of(node), arity=len(values), values=values)
                )
            self.walk(child)

    def values(self, value: Node | None) -> tuple[Expr, ...]:
        """What an initialiser hands to a constructor."""
        if value is None:
            return ()
        if value.type in ("argument_list", "initializer_list"):
            return tuple(self.expressions.expression(each) for each in value.named_children)
        return (self.expressions.expression(value),)


CONSTRUCTIONS: dict[str, Callable[[Constructions, Node], None]] = {
    "new_expression": Constructions._new,
    "delete_expression": Constructions._delete,
    "compound_literal_expression": Constructions._compound_literal,
    "return_statement": Constructions._return,
}
"""Who reads a node of which type."""
