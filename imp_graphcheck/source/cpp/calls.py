"""Calls: who is called with what, and which functions are handed over or named on the way."""

from collections.abc import Callable

from tree_sitter import Node

from imp_graphcheck.source.cpp.changes import Changes
from imp_graphcheck.source.cpp.expressions import CASTS, MAKERS
from imp_graphcheck.source.cpp.facts import Call, Guard
from imp_graphcheck.source.cpp.lambdas import Lambdas
from imp_graphcheck.source.cpp.syntax import address_taken, first_argument, line_of, path_of
from imp_graphcheck.source.cpp.words import words

_CALL_ONCE = frozenset({"call_once", "flag_once"})
_THREADS = frozenset({"thread", "jthread", "async"})
_ENVIRONMENT = frozenset({"getenv", "secure_getenv", "GetEnvironmentVariableA", "_dupenv_s"})
_GIVING = frozenset({"move", "forward", "exchange"})
_CHANGING = words(
    "reset emplace try_emplace insert push_back emplace_back resize reserve assign swap allocate alloc init store exchange "
    "insert_or_assign operator= set grow"
)
"""Methods after which an object is another than before."""


class Calls(Lambdas, Changes):
    """Calls in a body."""

    def _call(self, node: Node) -> None:
        callee, listed = node.child_by_field_name("function"), node.child_by_field_name("arguments")
        arguments = (
            [each for each in listed.named_children if each.type != "comment"] if listed is not None else []
        )
        if callee is None or any(child.type == "kernel_call_syntax" for child in node.children):
            for child in node.named_children:
                if child.type in ("argument_list", "kernel_call_syntax"):
                    self.walk(child)
            return
        if callee.type == "lambda_expression":
            self._arguments(arguments, "", None)
            self.add(Call("lambda", "", line_of(node), target=self.lambda_function(callee)))
            return
        scope, name, receiver, templates = self.expressions.callee(callee)
        if not name:
            self.walk(callee)
            self._arguments(arguments, "", None)
            self.add(
                Call(
                    "pointer",
                    self.expressions.words(callee),
                    line_of(node),
                    receiver=self.expressions.expression(callee),
                    arity=len(arguments),
                    values=tuple(self.expressions.expression(each) for each in arguments),
                )
            )
            return
        if name in CASTS or name in ("sizeof", "decltype", "alignof", "defined"):
            for each in arguments:
                self.walk(each)
            return
        if callee.type == "field_expression":
            inner = callee.child_by_field_name("argument")
            if inner is not None and inner.type not in ("identifier", "this"):
                self.walk(inner)
        call = Call(
            "call",
            name,
            line_of(node),
            scope=scope,
            receiver=receiver,
            arity=len(arguments),
            arguments=tuple(self.expressions.words(each) for each in arguments),
            values=tuple(self.expressions.expression(each) for each in arguments),
            template_arguments=templates,
        )
        if name in _ENVIRONMENT and self.function is not None:
            self.function.reads_environment = True
        if name in MAKERS:
            made = first_argument(templates)
            self.add(
                Call(
                    "construct",
                    made,
                    line_of(node),
                    scope=("(new)",),
                    arity=len(arguments),
                    values=call.values,
                )
            )
        if call.receiver is not None and name in _CHANGING:
            self.changed(callee.child_by_field_name("argument"))
        before = self.guards
        if name in self.dropping:
            self.guards = (
                *before,
                self.number(Guard("macro", f"{name} is not empty", False, line_of(node))),
            )
        self._arguments(arguments, name, call)
        self.guards = before
        self.add(call)

    def _arguments(self, nodes: list[Node], name: str, call: Call | None) -> None:
        for position, node in enumerate(nodes):
            if node.type == "lambda_expression":
                self._add_lambda(node, name, call, position)
            elif node.type == "identifier":
                self.identifier(node, position, call)
                if name in _GIVING and self.function is not None:
                    self.function.given_away.add(self.expressions.text(node))
            elif call is not None and (named := _function_named(node)) is not None:
                self._qualified(named, position, call)
            else:
                address = address_taken(node)
                if address is not None:
                    self.changed(address)
                self.walk(node)

    def _of_taker(self, name: str, line: int) -> tuple[int, ...]:
        """The guards of what is handed to a function of this name."""
        if name in _CALL_ONCE:
            return (*self.guards, self.number(Guard("once", f"first call only (std::{name})", False, line)))
        if name in _THREADS:
            return (*self.guards, self.number(Guard("thread", "in a thread of its own", False, line)))
        return self.guards

    def _add_lambda(self, node: Node, name: str, call: Call | None, position: int) -> None:
        before = self.guards
        self.guards = self._of_taker(name, line_of(node))
        number = self.lambda_function(node)
        self.add(
            Call(
                "lambda",
                name,
                line_of(node),
                scope=call.scope if call is not None else (),
                receiver=call.receiver if call is not None else None,
                arity=call.arity if call is not None else 0,
                target=number,
                position=position,
            )
        )
        self.guards = before

    def identifier(self, node: Node, position: int = -1, call: Call | None = None) -> None:
        """A name by itself, or as the argument of `call` at `position`: a macro, or a function that is not called here."""
        name = self.expressions.text(node)
        if name in self.macros:
            self.add(Call("macro", name, line_of(node), arity=-1))
        elif self.function is not None and (
            name not in self.function.locals or name in self.function.lambdas
        ):
            self._mention(name, line_of(node), (), position, call)

    def _qualified(self, node: Node, position: int = -1, call: Call | None = None) -> None:
        path = path_of(self.expressions.text(node))
        self._mention(path[-1], line_of(node), path[:-1], position, call)

    def _mention(
        self, name: str, line: int, scope: tuple[str, ...], position: int, call: Call | None
    ) -> None:
        before = self.guards
        if call is not None:
            self.guards = self._of_taker(call.name, line)
        self.add(
            Call(
                "mention",
                name,
                line,
                scope=scope,
                position=position,
                arguments=(call.name,) if call is not None else (),
            )
        )
        self.guards = before


def _function_named(node: Node) -> Node | None:
    """`f` of `&f`, `&A::f` and `A::f`."""
    if node.type == "pointer_expression" and node.children[0].type == "&":
        argument = node.child_by_field_name("argument")
        is_path = argument is not None and argument.type == "qualified_identifier"
        return argument if is_path else None
    return node if node.type == "qualified_identifier" else None


CALLS: dict[str, Callable[[Calls, Node], None]] = {
    "call_expression": Calls._call,
    "identifier": Calls.identifier,
    "qualified_identifier": Calls._qualified,
}
"""Who reads a node of which type."""
