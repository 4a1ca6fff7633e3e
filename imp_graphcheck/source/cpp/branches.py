"""Branches: the guards of what is inside of them, and of what follows those that leave a block."""

from collections.abc import Callable

from tree_sitter import Node

from imp_graphcheck.source.cpp.facts import Guard
from imp_graphcheck.source.cpp.frame import Frame
from imp_graphcheck.source.cpp.syntax import line_of, value_of
from imp_graphcheck.source.cpp.words import words

_LEAVES = frozenset(
    {"return_statement", "throw_statement", "break_statement", "continue_statement", "goto_statement"}
)
_GIVES_UP = words(
    "abort exit _exit quick_exit terminate rethrow_exception __builtin_trap __builtin_unreachable"
)


class Branches(Frame):
    """Blocks and the statements that choose."""

    def _block(self, node: Node) -> None:
        before, is_left = self.guards, False
        for child in node.children:
            if not child.is_named:
                continue
            if is_left and child.type in ("case_statement", "labeled_statement"):
                is_left, self.guards = False, before
            self.walk(child)
            if child.type in _LEAVES and not is_left and self._is_in_every_build(child):
                is_left = True
                self.guards = (*self.guards, self.number(Guard("if", "false", False, line_of(child))))
            left = self._left_if(child)
            if left is not None:
                self.guards = (*self.guards, self.number(left))
        self.guards = before

    def _is_in_every_build(self, node: Node) -> bool:
        """Whether no `#if` inside of the function takes this away: another build goes on behind it."""
        assert self.function is not None
        return self.conditions_at(line_of(node)) == self.conditions_at(self.function.line)

    def _left_if(self, node: Node) -> Guard | None:
        """The guard of what follows a statement that may leave the block."""
        if node.type != "if_statement" or node.child_by_field_name("alternative") is not None:
            return None
        then, condition = node.child_by_field_name("consequence"), node.child_by_field_name("condition")
        if then is None or condition is None:
            return None
        last = then
        if then.type == "compound_statement":
            inner = [child for child in then.named_children if child.type != "comment"]
            if not inner:
                return None
            last = inner[-1]
        if last.type not in _LEAVES:
            return None
        return Guard("return", self.expressions.words(value_of(condition)), True, line_of(node))

    def _if(self, node: Node) -> None:
        condition = node.child_by_field_name("condition")
        if condition is None:
            return
        self.walk(condition)
        text = self.expressions.words(value_of(condition))
        line = line_of(node)
        then = node.child_by_field_name("consequence")
        self.under(Guard("fatal" if self._gives_up(then) else "if", text, False, line), [then])
        otherwise = node.child_by_field_name("alternative")
        if otherwise is not None:
            self.under(Guard("if", text, True, line), [otherwise])

    def _gives_up(self, node: Node | None) -> bool:
        """Whether a block ends with an exception or with the end of the program."""
        last = node
        if node is not None and node.type == "compound_statement":
            last = node.named_children[-1] if node.named_children else None
        if last is not None and last.type == "expression_statement" and last.named_children:
            last = last.named_children[0]
        if last is None:
            return False
        if last.type in ("throw_statement", "throw_expression"):
            return True
        callee = last.child_by_field_name("function") if last.type == "call_expression" else None
        return callee is not None and self.expressions.callee(callee)[1] in _GIVES_UP

    def _choice(self, node: Node) -> None:
        condition = node.child_by_field_name("condition")
        if condition is None:
            return
        self.walk(condition)
        text, line = self.expressions.words(condition), line_of(node)
        self.under(Guard("if", text, False, line), [node.child_by_field_name("consequence")])
        self.under(Guard("if", text, True, line), [node.child_by_field_name("alternative")])

    def _switch(self, node: Node) -> None:
        condition, body = node.child_by_field_name("condition"), node.child_by_field_name("body")
        if condition is None or body is None:
            return
        self.walk(condition)
        subject = self.expressions.words(value_of(condition))
        before = self.guards
        for child in body.named_children:
            if child.type == "case_statement":
                value = child.child_by_field_name("value")
                text = (
                    f"{subject} == {self.expressions.words(value)}"
                    if value is not None
                    else f"{subject}: default"
                )
                self.under(
                    Guard("case", text, False, line_of(child)),
                    [each for each in child.named_children if value is None or each.id != value.id],
                )
            else:
                self.walk(child)
        self.guards = before

    def _while(self, node: Node) -> None:
        condition = node.child_by_field_name("condition")
        text = self.expressions.words(value_of(condition)) if condition is not None else ""
        never = Guard("if", text, False, line_of(node)) if text in ("false", "0") else None
        self.under(None, [condition])
        self.under(never, [node.child_by_field_name("body")])

    def _catch(self, node: Node) -> None:
        self.under(
            Guard("catch", "an exception was thrown", False, line_of(node)),
            [node.child_by_field_name("body")],
        )


BRANCHES: dict[str, Callable[[Branches, Node], None]] = {
    "compound_statement": Branches._block,
    "if_statement": Branches._if,
    "conditional_expression": Branches._choice,
    "switch_statement": Branches._switch,
    "catch_clause": Branches._catch,
    "while_statement": Branches._while,
}
"""Who reads a node of which type."""
