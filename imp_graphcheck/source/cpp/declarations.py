"""Declarations: namespaces, classes, variables, and the functions that have a body."""

import re

from tree_sitter import Node

from imp_graphcheck.source.cpp.bodies import Bodies
from imp_graphcheck.source.cpp.expressions import Expressions
from imp_graphcheck.source.cpp.facts import Class, FileFacts, Function, Guard, Local, Method
from imp_graphcheck.source.cpp.preprocessor import Cleaned
from imp_graphcheck.source.cpp.syntax import (
    below,
    declared_name,
    function_declarator,
    is_pointer_to_function,
    line_of,
    path_of,
    pointer_sign,
    template_arguments,
)


class _Scope:
    """Where declarations are met: names of namespaces and classes, and whether they are visible in this file only."""

    __slots__ = ("is_class", "is_file_local", "names")

    def __init__(
        self, names: tuple[str, ...], *, is_class: bool = False, is_file_local: bool = False
    ) -> None:
        self.names, self.is_class, self.is_file_local = names, is_class, is_file_local


class Declarations:
    """Reads declarations into `facts`."""

    def __init__(
        self,
        source: bytes,
        facts: FileFacts,
        cleaned: Cleaned,
        macros: frozenset[str],
        dropping: frozenset[str],
    ) -> None:
        self.facts = facts
        self._expressions = Expressions(source)
        self._bodies = Bodies(
            self._expressions,
            facts,
            cleaned.conditions,
            macros,
            dropping,
            on_class=lambda node, scope: self._class(node, _Scope(scope)),
        )
        self._class_here: Class | None = None

    def outside(self, node: Node, scope: "tuple[str, ...] | _Scope", *, is_template: bool = False) -> None:
        """Everything below `node` that is not in a function."""
        here = scope if isinstance(scope, _Scope) else _Scope(scope)
        for child in node.children:
            if not child.is_named:
                continue
            self._declaration(child, here, is_template=is_template)

    def _declaration(self, node: Node, scope: _Scope, *, is_template: bool) -> None:
        match node.type:
            case "function_definition":
                self._define(node, scope, is_template=is_template)
            case "namespace_definition":
                self._namespace(node, scope)
            case "class_specifier" | "struct_specifier" | "union_specifier":
                self._class(node, scope)
            case "enum_specifier":
                self._enum(node)
            case "template_declaration":
                self.outside(node, scope, is_template=True)
            case "declaration" | "field_declaration":
                self._variables(node, scope)
            case "alias_declaration":
                self._alias(node)
            case "namespace_alias_definition":
                self._namespace_alias(node)
            case "type_definition":
                self._typedef(node, scope)
            case "ERROR":
                self.outside(node, scope, is_template=is_template)
            case (
                "linkage_specification" | "declaration_list" | "field_declaration_list" | "export_declaration"
            ):
                self.outside(node, scope, is_template=is_template)
            case "expression_statement":
                self._at_file_level(node)
            case _:
                pass

    def _namespace(self, node: Node, scope: _Scope) -> None:
        name = node.child_by_field_name("name")
        body = node.child_by_field_name("body")
        if body is None:
            return
        words = tuple(re.findall(r"\w+", self._expressions.text(name))) if name is not None else ()
        self.outside(body, _Scope((*scope.names, *words), is_file_local=scope.is_file_local or name is None))

    def _class(self, node: Node, scope: _Scope) -> None:
        body = node.child_by_field_name("body")
        name = node.child_by_field_name("name")
        if body is None:
            return
        words = path_of(self._expressions.text(name)) if name is not None else ("(unnamed)",)
        bases = tuple(
            self._expressions.text(base)
            for clause in node.children
            if clause.type == "base_class_clause"
            for base in clause.named_children
            if base.type not in ("access_specifier", "virtual")
        )
        found = Class(
            file=self.facts.path,
            name=words[-1],
            scope=(*scope.names, *words[:-1]),
            line=line_of(node),
            bases=bases,
        )
        self.facts.classes.append(found)
        before, self._class_here = self._class_here, found
        self.outside(body, _Scope((*scope.names, *words), is_class=True, is_file_local=scope.is_file_local))
        self._class_here = before

    def _enum(self, node: Node) -> None:
        name = node.child_by_field_name("name")
        if name is not None:
            self.facts.enums.append(path_of(self._expressions.text(name))[-1])

    def _variables(self, node: Node, scope: _Scope) -> None:
        kind = node.child_by_field_name("type")
        type_text = self._expressions.text(kind) if kind is not None else ""
        if kind is not None and kind.type in ("class_specifier", "struct_specifier", "union_specifier"):
            self._class(kind, scope)
            name = kind.child_by_field_name("name")
            type_text = self._expressions.text(name) if name is not None else "(unnamed)"
        inside = self._class_here if scope.is_class else None
        for declarator in node.children_by_field_name("declarator"):
            value: Node | None = node.child_by_field_name("default_value")
            target = declarator
            if declarator.type == "init_declarator":
                value = declarator.child_by_field_name("value")
                inner = declarator.child_by_field_name("declarator")
                target = inner if inner is not None else declarator
            function = function_declarator(target)
            if function is not None and not is_pointer_to_function(function):
                self._declared(node, function, type_text, inside)
                continue
            name = declared_name(target)
            if name is None:
                continue
            local = Local(
                type_text + pointer_sign(target),
                self._expressions.expression(value),
                self._expressions.words(value) if value is not None else "",
            )
            if inside is not None:
                inside.fields[self._expressions.text(name)] = local
            else:
                self.facts.globals[self._expressions.text(name).split("::")[-1]] = local
            if value is not None:
                self._at_file_level(value)
                named = [
                    self._expressions.text(each)
                    for each in below(value)
                    if each.type in ("identifier", "field_identifier")
                ]
                if named and value.type == "initializer_list":
                    self.facts.tables.setdefault(self._expressions.text(name).split("::")[-1], []).extend(
                        named
                    )

    def _declared(self, node: Node, function: Node, returns: str, inside: Class | None) -> None:
        name = function.child_by_field_name("declarator")
        if name is None:
            return
        text = self._expressions.text(name).split("::")[-1]
        words = self._expressions.source[node.start_byte : node.end_byte]
        virtual = words.startswith(b"virtual") or any(
            each.type == "virtual_specifier" for each in function.children
        )
        parameters, _ = self._expressions.parameters(function)
        declared = Method(
            text,
            virtual,
            re.search(rb"=\s*0\s*;?$", words) is not None,
            returns,
            sum(not each.has_default for each in parameters),
            len(parameters),
            tuple(each.default for each in parameters),
        )
        into = self.facts.declared if inside is None else inside.methods
        into.setdefault(text, []).append(declared)

    def _alias(self, node: Node) -> None:
        name, kind = node.child_by_field_name("name"), node.child_by_field_name("type")
        if name is not None and kind is not None:
            self.facts.aliases[self._expressions.text(name)] = self._expressions.text(kind)

    def _namespace_alias(self, node: Node) -> None:
        name = node.child_by_field_name("name")
        if name is not None and len(node.named_children) > 1:
            self.facts.aliases[self._expressions.text(name)] = self._expressions.text(node.named_children[-1])

    def _typedef(self, node: Node, scope: _Scope) -> None:
        kind, name = node.child_by_field_name("type"), node.child_by_field_name("declarator")
        if kind is None:
            return
        if kind.type == "enum_specifier":
            self._enum(kind)
            if name is not None:
                self.facts.enums.append(self._expressions.text(name))
        elif kind.child_by_field_name("body") is not None:
            self._class(kind, scope)
        if name is not None and name.type == "type_identifier":
            inner = kind.child_by_field_name("name")
            self.facts.aliases[self._expressions.text(name)] = self._expressions.text(
                inner if inner is not None else kind
            )

    def _at_file_level(self, node: Node) -> None:
        """Initialisers outside of functions: they name functions that somebody calls through a table."""
        for each in below(node):
            if each.type == "identifier":
                self.facts.mentioned.setdefault(self._expressions.text(each), line_of(each))
            elif each.type == "lambda_expression":
                function = Function(
                    file=self.facts.path,
                    name="(lambda)",
                    scope=(),
                    line=line_of(each),
                    last_line=each.end_point.row + 1,
                )
                self._bodies.read(each, function)

    def _define(self, node: Node, scope: _Scope, *, is_template: bool) -> None:
        declarator = node.child_by_field_name("declarator")
        function = function_declarator(declarator) if declarator is not None else None
        name = function.child_by_field_name("declarator") if function is not None else None
        body = node.child_by_field_name("body")
        if function is None or name is None:
            if body is not None:
                self.outside(body, scope)
            return
        kind = node.child_by_field_name("type")
        if kind is not None and kind.child_by_field_name("body") is not None:
            self._class(kind, scope)
        before_name = self._expressions.source[node.start_byte : name.start_byte]
        path = path_of(self._expressions.text(name))
        is_method = scope.is_class or len(path) > 1
        names = (*scope.names, *path[:-1])
        virtual = before_name.startswith(b"virtual") or any(
            each.type == "virtual_specifier" for each in function.children
        )
        parameters, is_variadic = self._expressions.parameters(function)
        found = Function(
            file=self.facts.path,
            name=path[-1],
            scope=names,
            line=line_of(node),
            last_line=node.end_point.row + 1,
            parameters=parameters,
            is_variadic=is_variadic,
            is_file_local=not scope.is_class
            and (scope.is_file_local or re.search(rb"\bstatic\b", before_name) is not None),
            is_device=(b"__global__" in before_name or b"__device__" in before_name)
            and b"__host__" not in before_name,
            is_method=is_method,
            is_virtual=virtual,
            is_template=is_template,
            specialises=template_arguments(self._expressions.text(name)) if is_template else "",
            outer=tuple(
                Guard("#if", each.text, each.negated, line_of(node))
                for each in self._bodies.conditions_at(line_of(node))
            ),
            returns=self._expressions.text(kind) if kind is not None else "",
        )
        inside = self._class_here if scope.is_class else None
        if inside is not None:
            needed = sum(not each.has_default for each in parameters)
            inside.methods.setdefault(found.name, []).append(
                Method(found.name, virtual, False, found.returns, needed, len(parameters))
            )
        for parameter in parameters:
            found.locals[parameter.name] = Local(parameter.type)
        self._bodies.read(node, found)
