"""Expressions of a source file: their words, whom they call, and what can be told of their types."""

import re

from tree_sitter import Node

from imp_graphcheck.source.cpp.facts import THIS, UNKNOWN, Expr, Parameter
from imp_graphcheck.source.cpp.grammar import as_written
from imp_graphcheck.source.cpp.syntax import declared_name, first_argument, path_of, pointer_sign

CASTS = frozenset({"static_cast", "dynamic_cast", "reinterpret_cast", "const_cast", "static_pointer_cast"})
MAKERS = frozenset({"make_unique", "make_shared", "make_intrusive"})
_SPACE = re.compile(r"\s+")
_LONGEST_WORDS = 160
_LONGEST_BYTES = 2_000
_DEEPEST = 12
_MOST_VALUES = 6


class Expressions:
    """Reads expressions of one file, whose bytes are `source`."""

    def __init__(self, source: bytes) -> None:
        self.source = source
        self._depth = 0

    def text(self, node: Node) -> str:
        """The words of the source, as they are; of names and types, which are never long."""
        end = min(node.end_byte, node.start_byte + _LONGEST_BYTES)
        return as_written(self.source[node.start_byte : end].decode("utf-8", "replace"))

    def words(self, node: Node | None) -> str:
        """The words of the source in one line, cut where they are many."""
        if node is None:
            return ""
        words = _SPACE.sub(" ", self.text(node)).strip()
        return words if len(words) <= _LONGEST_WORDS else words[: _LONGEST_WORDS - 1] + "…"

    def callee(self, node: Node) -> tuple[tuple[str, ...], str, Expr | None, str]:
        """Scope, name, receiver and template arguments of what is called. No name: it is no plain name."""
        match node.type:
            case "identifier":
                return (), self.text(node), None, ""
            case "template_function":
                name = node.child_by_field_name("name")
                templates = node.child_by_field_name("arguments")
                text = self.text(templates) if templates is not None else ""
                return (), self.text(name) if name is not None else "", None, text
            case "qualified_identifier":
                text = self.text(node)
                templates_at = re.search(r"<(.*)>$", text, re.DOTALL)
                path = path_of(text)
                return path[:-1] or ("",), path[-1], None, templates_at.group(0) if templates_at else ""
            case "field_expression":
                field = node.child_by_field_name("field")
                argument = node.child_by_field_name("argument")
                if field is None:
                    return (), "", None, ""
                text = self.text(field)
                path = path_of(text)
                templates_at = re.search(r"<(.*)>$", text, re.DOTALL)
                words = templates_at.group(0) if templates_at else ""
                return path[:-1], path[-1], self._reached_from(node, argument), words
            case "parenthesized_expression" if node.named_child_count == 1:
                inner = node.named_children[0]
                return (
                    self.callee(inner)
                    if inner.type in ("identifier", "qualified_identifier")
                    else ((), "", None, "")
                )
            case _:
                return (), "", None, ""

    def expression(self, node: Node | None) -> Expr:
        """`node` as far as its type can be told from it, and not deeper than anybody asks."""
        if node is None or self._depth > _DEEPEST:
            return UNKNOWN
        self._depth += 1
        try:
            return self._expression(node)
        finally:
            self._depth -= 1

    def _expression(self, node: Node) -> Expr:
        match node.type:
            case "this":
                return THIS
            case "identifier":
                return ("name", (), self.text(node))
            case "qualified_identifier":
                path = path_of(self.text(node))
                return ("name", path[:-1], path[-1])
            case "field_expression":
                field = node.child_by_field_name("field")
                argument = node.child_by_field_name("argument")
                return ("field", self._reached_from(node, argument), self.text(field) if field else "")
            case "subscript_expression":
                return ("index", self.expression(node.child_by_field_name("argument")))
            case "pointer_expression" | "parenthesized_expression" | "unary_expression":
                inner = node.named_children[0] if node.named_child_count == 1 else None
                value = self.expression(inner)
                is_followed = node.type == "pointer_expression" and node.children[0].type == "*"
                return ("deref", value) if is_followed else value
            case "cast_expression":
                kind = node.child_by_field_name("type")
                return ("type", self.text(kind) if kind is not None else "")
            case "new_expression":
                return ("type", self.made(node) + "*")
            case "call_expression":
                return self._call_expression(node)
            case "compound_literal_expression":
                kind = node.child_by_field_name("type")
                return ("type", self.text(kind) if kind is not None else "")
            case "number_literal" if self.text(node) == "0":
                return UNKNOWN  # or a null pointer
            case "number_literal":
                return ("type", "float" if re.search(r"[.]|\df$", self.text(node)) else "int")
            case "true" | "false":
                return ("type", "bool")
            case "string_literal":
                return ("type", "char*")
            case _:
                return UNKNOWN

    def _reached_from(self, node: Node, argument: Node | None) -> Expr:
        """What stands before the `.` or `->` of `node`."""
        value = self.expression(argument)
        operator = node.child_by_field_name("operator")
        is_arrow = operator is not None and operator.type == "->" and value != THIS
        return ("deref", value) if is_arrow else value

    def _call_expression(self, node: Node) -> Expr:
        callee = node.child_by_field_name("function")
        if callee is None:
            return UNKNOWN
        scope, name, receiver, templates = self.callee(callee)
        if name in CASTS:
            return ("type", first_argument(templates))
        if name in MAKERS:
            return ("type", first_argument(templates) + "*")
        if name in ("move", "forward", "ref", "cref") and scope in (("std",), ()):
            arguments = node.child_by_field_name("arguments")
            return (
                self.expression(arguments.named_children[0])
                if arguments and arguments.named_child_count
                else UNKNOWN
            )
        if not name:
            return UNKNOWN
        listed = node.child_by_field_name("arguments")
        values = listed.named_children if listed is not None else []
        return ("call", receiver, scope, name, tuple(self.expression(each) for each in values[:_MOST_VALUES]))

    def made(self, node: Node | None) -> str:
        """The class of the object that `node` makes; empty if it does not."""
        if node is None:
            return ""
        if node.type == "new_expression":
            kind = node.child_by_field_name("type")
            return self.text(kind) if kind is not None else ""
        if node.type == "call_expression":
            callee = node.child_by_field_name("function")
            arguments = node.child_by_field_name("arguments")
            if callee is None:
                return ""
            _, name, _, templates = self.callee(callee)
            if name in MAKERS:
                return first_argument(templates)
            first = (
                arguments.named_children[0]
                if arguments is not None and arguments.named_child_count == 1
                else None
            )
            if name in ("unique_ptr", "shared_ptr", "move", "forward", "reset"):
                return self.made(first)
        return ""

    def parameters(self, function: Node) -> tuple[tuple[Parameter, ...], bool]:
        """The parameters of a function declarator, and whether any number may follow."""
        listed = function.child_by_field_name("parameters")
        if listed is None:
            return (), False
        found: list[Parameter] = []
        is_variadic = any(child.type == "..." for child in listed.children)
        for child in listed.named_children:
            if child.type == "variadic_parameter_declaration":
                is_variadic = True
            elif child.type in ("parameter_declaration", "optional_parameter_declaration"):
                kind, declarator = child.child_by_field_name("type"), child.child_by_field_name("declarator")
                name = declared_name(declarator) if declarator is not None else None
                type_text = self.text(kind) if kind is not None else ""
                if type_text == "void" and declarator is None:
                    continue
                pointer = pointer_sign(declarator)
                found.append(
                    Parameter(
                        self.text(name) if name is not None else "",
                        type_text + pointer,
                        has_default=child.type == "optional_parameter_declaration",
                        default=self.expression(child.child_by_field_name("default_value")),
                    )
                )
        return tuple(found), is_variadic
