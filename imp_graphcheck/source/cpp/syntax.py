"""What the nodes of a syntax tree say, asked without their text or with it."""

import re
from collections.abc import Iterator

from tree_sitter import Node


def line_of(node: Node) -> int:
    """The line that a node begins in, counted from 1."""
    return node.start_point.row + 1


def address_taken(node: Node) -> Node | None:
    """`x` of `&x` and `(void**)&x`."""
    while node.type in ("cast_expression", "parenthesized_expression", "call_expression"):
        if node.type == "call_expression":
            callee, listed = node.child_by_field_name("function"), node.child_by_field_name("arguments")
            is_cast = callee is not None and callee.type == "template_function" and listed is not None
            if not is_cast or listed is None or listed.named_child_count != 1:
                return None
            node = listed.named_children[0]
            continue
        if not node.named_children:
            return None
        node = node.named_children[-1]
    if node.type == "pointer_expression" and node.children[0].type == "&":
        return node.child_by_field_name("argument")
    return None


def value_of(condition: Node) -> Node:
    """The condition without its parentheses."""
    value = condition.child_by_field_name("value")
    if value is not None:
        return value
    return condition.named_children[0] if condition.named_child_count == 1 else condition


def path_of(text: str) -> tuple[str, ...]:
    """The names of a qualified name, without template arguments."""
    depth, kept = 0, []
    for position, character in enumerate(text):
        if character == "<" and not text[:position].endswith("operator"):
            depth += 1
        elif character == ">" and depth:
            depth -= 1
        elif not depth:
            kept.append(character)
    names = tuple(part.strip() for part in "".join(kept).split("::"))
    cleaned = tuple(re.sub(r"^template\s+", "", name) for name in names)
    return cleaned if cleaned[-1] else (*cleaned[:-1], "?")


def template_arguments(text: str) -> str:
    """`double` of `launch<double>`, without blanks; empty for a name without any."""
    found = re.search(r"<(.*)>$", text, re.DOTALL)
    return "".join(found.group(1).split()) if found is not None else ""


def first_argument(templates: str) -> str:
    """`A<B>` of `<A<B>, C>`."""
    depth = 0
    inner = templates.strip()[1:-1] if templates.strip().startswith("<") else templates
    for position, character in enumerate(inner):
        if character in "<(":
            depth += 1
        elif character in ">)":
            depth -= 1
        elif character == "," and not depth:
            return inner[:position].strip()
    return inner.strip()


def pointer_sign(declarator: Node | None) -> str:
    """`*`, `&` or `[]` for what is declared by pointer, by reference or as an array, as many as there are."""
    sign = ""
    while declarator is not None:
        if "pointer_declarator" in declarator.type:
            sign += "*"
        elif "reference_declarator" in declarator.type:
            sign += "&"
        elif "array_declarator" in declarator.type:
            sign += "[]"
        elif declarator.type not in ("init_declarator", "parenthesized_declarator"):
            break
        inner = declarator.child_by_field_name("declarator")
        if inner is None:
            inner = next(
                (each for each in declarator.named_children if each.type.endswith("declarator")), None
            )
        declarator = inner
    return sign


def function_declarator(node: Node | None) -> Node | None:
    """The innermost function declarator of a declarator: of `*f(int)` that of `f`."""
    while node is not None:
        if node.type == "function_declarator":
            inner = node.child_by_field_name("declarator")
            deeper = (
                function_declarator(inner)
                if inner is not None and inner.type != "parenthesized_declarator"
                else None
            )
            return deeper or node
        inner = node.child_by_field_name("declarator")
        if inner is None:
            inner = next((child for child in node.named_children if child.type.endswith("_declarator")), None)
        node = inner
    return None


def is_pointer_to_function(function: Node) -> bool:
    """Whether `(*f)(int)` is declared, which is a variable."""
    inner = function.child_by_field_name("declarator")
    return inner is not None and inner.type == "parenthesized_declarator"


def declared_name(node: Node | None) -> Node | None:
    """The name that a declarator declares."""
    while node is not None:
        if node.type in ("identifier", "field_identifier", "qualified_identifier", "type_identifier"):
            return node
        inner = node.child_by_field_name("declarator")
        if inner is None:
            inner = next(
                (
                    child
                    for child in node.named_children
                    if child.type.endswith("declarator") or child.type in ("identifier", "field_identifier")
                ),
                None,
            )
        node = inner
    return None


def below(node: Node) -> Iterator[Node]:
    """`node` and all nodes below it, lambdas not entered."""
    waiting = [node]
    while waiting:
        each = waiting.pop()
        yield each
        if each.type != "lambda_expression":
            waiting.extend(each.named_children)
