"""Changes: which variables get another value, and which are set from the environment."""

import re
from collections.abc import Callable

from tree_sitter import Node

from imp_graphcheck.source.cpp.facts import Assigned, Change
from imp_graphcheck.source.cpp.frame import Frame

_ASKS = re.compile(r"!?\s*(?:\w+::)*\w*(?i:env)\w*\(.*\)")


class Changes(Frame):
    """What a body changes."""

    def set_from(self, name: str, text: str) -> None:
        """Note a field or a variable of the file that is set from the environment."""
        assert self.function is not None
        if name.isidentifier() and ("getenv" in text or _ASKS.fullmatch(text)):
            self.facts.switches.append(Assigned(self.function.scope, name, text))

    def changed(self, node: Node | None) -> None:
        """Note that the variable at the root of `node` gets another value, or what it leads to does."""
        is_through = False
        while node is not None and node.type not in ("identifier", "field_identifier"):
            if node.type == "field_expression":
                argument = node.child_by_field_name("argument")
                if argument is None or argument.type == "this":
                    node = node.child_by_field_name("field")
                    continue
                is_through, node = True, argument
            elif node.type in ("subscript_expression", "pointer_expression"):
                is_through, node = True, node.child_by_field_name("argument")
            elif node.type in ("parenthesized_expression", "cast_expression", "unary_expression"):
                node = node.named_children[-1] if node.named_children else None
            else:
                return
        if node is not None and self.function is not None:
            self.function.changes.append(Change(self.expressions.text(node), is_through, self.guards))

    def _update(self, node: Node) -> None:
        self.changed(node.child_by_field_name("argument"))
        for child in node.named_children:
            self.walk(child)


CHANGES: dict[str, Callable[[Changes, Node], None]] = {
    "update_expression": Changes._update,
}
"""Who reads a node of which type."""
