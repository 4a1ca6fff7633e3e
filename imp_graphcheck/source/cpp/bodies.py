"""Bodies of functions: what they call, under which conditions, and what they change."""

from collections.abc import Callable

from tree_sitter import Node

from imp_graphcheck.source.cpp.assignments import ASSIGNMENTS, Assignments
from imp_graphcheck.source.cpp.branches import BRANCHES, Branches
from imp_graphcheck.source.cpp.calls import CALLS
from imp_graphcheck.source.cpp.changes import CHANGES
from imp_graphcheck.source.cpp.constructions import CONSTRUCTIONS
from imp_graphcheck.source.cpp.facts import Function
from imp_graphcheck.source.cpp.lambdas import LAMBDAS
from imp_graphcheck.source.cpp.operators import OPERATORS
from imp_graphcheck.source.cpp.variables import VARIABLES, Variables


class Bodies(Branches, Variables, Assignments):
    """Reads bodies into the facts of one file."""

    def read(self, node: Node, function: Function) -> int:
        number = len(self.facts.functions)
        self.facts.functions.append(function)
        before = self.function, self.guards
        self.function, self.guards = function, ()
        for child in node.children:
            if child.type == "field_initializer_list":
                self.field_initialisers(child)
        body = node.child_by_field_name("body")
        if body is None:
            body = next(
                (child for child in node.children if child.type in ("compound_statement", "try_statement")),
                None,
            )
        if body is not None and not function.is_device:
            self.walk(body)
        self.function, self.guards = before
        return number

    def walk(self, node: Node) -> None:
        handler = _HANDLERS.get(node.type)
        if handler is not None:
            handler(self, node)
            return
        for child in node.children:
            if child.is_named:
                self.walk(child)

    def _skip(self, node: Node) -> None:
        """Types and the like, where nothing runs."""

    def _nested_class(self, node: Node) -> None:
        assert self.function is not None
        self.on_class(node, (*self.function.scope, self.function.name))


_HANDLERS: dict[str, Callable[[Bodies, Node], None]] = {
    **BRANCHES,
    **CHANGES,
    **LAMBDAS,
    **CALLS,
    **CONSTRUCTIONS,
    **OPERATORS,
    **VARIABLES,
    **ASSIGNMENTS,
    "sizeof_expression": Bodies._skip,
    "decltype": Bodies._skip,
    "type_descriptor": Bodies._skip,
    "template_argument_list": Bodies._skip,
    "string_literal": Bodies._skip,
    "comment": Bodies._skip,
    "struct_specifier": Bodies._nested_class,
    "class_specifier": Bodies._nested_class,
}
"""Who reads a node of which type."""
