"""Variables of a function: their types, what they are made from, and what ends with them."""

from collections.abc import Callable

from tree_sitter import Node

from imp_graphcheck.source.cpp.constructions import Constructions
from imp_graphcheck.source.cpp.expressions import MAKERS
from imp_graphcheck.source.cpp.facts import Call, Guard, Local
from imp_graphcheck.source.cpp.lambdas import Lambdas
from imp_graphcheck.source.cpp.syntax import (
    declared_name,
    is_pointer_to_function,
    line_of,
    path_of,
    pointer_sign,
)


class Variables(Lambdas, Constructions):
    """Variables in a body."""

    def _local(self, node: Node) -> None:
        assert self.function is not None
        kind = node.child_by_field_name("type")
        if kind is None:
            for child in node.named_children:
                self.walk(child)
            return
        if kind.child_by_field_name("body") is not None:
            self.on_class(kind, (*self.function.scope, self.function.name))
        type_text = self.expressions.text(kind)
        words = self.expressions.source[node.start_byte : kind.start_byte]
        is_static = (b"static" in words or b"thread_local" in words) and b"constexpr" not in words
        for declarator in node.children_by_field_name("declarator"):
            target, value = declarator, None
            if declarator.type == "init_declarator":
                inner = declarator.child_by_field_name("declarator")
                target, value = (
                    (inner if inner is not None else declarator),
                    declarator.child_by_field_name("value"),
                )
            name = declared_name(target)
            if name is None:
                continue
            variable = self.expressions.text(name)
            if target.type == "function_declarator" and not is_pointer_to_function(target):
                # `Workspace lock(stream);` is read as the declaration of a function, which a body hardly ever holds.
                parameters = target.child_by_field_name("parameters")
                given = parameters.named_children if parameters is not None else []
                arity = len(given)
                for position, each in enumerate(given):
                    self.add(
                        Call(
                            "mention",
                            self.expressions.words(each),
                            line_of(node),
                            arguments=(path_of(type_text)[-1],),
                            position=position,
                        )
                    )
                self.function.locals[variable] = Local(type_text)
                self.add(Call("construct", type_text, line_of(node), arity=arity, arguments=(variable,)))
                continue
            by_pointer = target.type in ("pointer_declarator", "reference_declarator")
            before = self.guards
            if is_static:
                guard = Guard("static", "first call only (static variable)", False, line_of(node))
                self.guards = (*before, self.number(guard))
            if value is not None and value.type == "lambda_expression":
                self.function.locals[variable] = Local("(lambda)")
                self.function.lambdas[variable] = self.lambda_function(value)
            else:
                # The name is known before its initialiser is read, as in C++.
                made = self.expressions.made(value) if value is not None else ""
                self.function.locals[variable] = Local(
                    made + "*" if made and type_text == "auto" else type_text + pointer_sign(target),
                    self.expressions.expression(value),
                    self.expressions.words(value) if value is not None else "",
                    is_static,
                )
                if value is not None:
                    self.walk(value)
                self._ends_with_scope(variable, type_text, value, line_of(node))
                if not by_pointer and type_text != "auto":
                    arity = 0
                    if value is not None and value.type in ("argument_list", "initializer_list"):
                        arity = value.named_child_count
                    elif value is not None:
                        arity = 1
                    self.add(
                        Call(
                            "construct",
                            type_text,
                            line_of(node),
                            arity=arity,
                            arguments=(variable,),
                            values=self.values(value),
                        )
                    )
            self.guards = before

    def _ends_with_scope(self, variable: str, type_text: str, value: Node | None, line: int) -> None:
        """`auto p = std::make_unique<T>()`: what it holds ends with it."""
        if value is None or value.type != "call_expression" or type_text != "auto":
            return
        callee = value.child_by_field_name("function")
        name = self.expressions.callee(callee)[1] if callee is not None else ""
        if name in MAKERS:
            kind = "(unique)" if name == "make_unique" else "(shared)"
            self.add(Call("destroy", kind, line, arguments=(variable,), values=(("name", (), variable),)))

    def _for_each(self, node: Node) -> None:
        assert self.function is not None
        declarator, right = node.child_by_field_name("declarator"), node.child_by_field_name("right")
        kind = node.child_by_field_name("type")
        name = declared_name(declarator) if declarator is not None else None
        if name is not None and kind is not None:
            self.function.locals[self.expressions.text(name)] = Local(
                self.expressions.text(kind), ("index", self.expressions.expression(right))
            )
        for part in (right, node.child_by_field_name("body")):
            if part is not None:
                self.walk(part)


VARIABLES: dict[str, Callable[[Variables, Node], None]] = {
    "declaration": Variables._local,
    "for_range_loop": Variables._for_each,
}
"""Who reads a node of which type."""
