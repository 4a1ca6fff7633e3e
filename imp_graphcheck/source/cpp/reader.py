"""One C++ or CUDA file, parsed and boiled down to its functions, classes and calls."""

import re
from collections.abc import Collection, Iterator, Mapping
from functools import cache

import tree_sitter_cuda
from tree_sitter import Language, Node, Parser

from imp_graphcheck.source.cpp.facts import (
    THIS,
    UNKNOWN,
    Assigned,
    Call,
    Change,
    Class,
    Expr,
    FileFacts,
    Function,
    Guard,
    Local,
    Method,
    Parameter,
)
from imp_graphcheck.source.cpp.preprocessor import Cleaned, Condition, clean
from imp_graphcheck.source.cpp.words import words

_CASTS = frozenset({"static_cast", "dynamic_cast", "reinterpret_cast", "const_cast", "static_pointer_cast"})
_MAKERS = frozenset({"make_unique", "make_shared", "make_intrusive"})
_CALL_ONCE = frozenset({"call_once", "flag_once"})
_THREADS = frozenset({"thread", "jthread", "async"})
_LEAVES = frozenset(
    {"return_statement", "throw_statement", "break_statement", "continue_statement", "goto_statement"}
)
_ENVIRONMENT = frozenset({"getenv", "secure_getenv", "GetEnvironmentVariableA", "_dupenv_s"})
_CHANGING = words(
    "reset emplace try_emplace insert push_back emplace_back resize reserve assign swap allocate alloc init store exchange "
    "insert_or_assign operator= set grow"
)
"""Methods after which an object is another than before."""
_SPACE = re.compile(r"\s+")
_LONGEST_WORDS = 160


@cache
def _parser() -> Parser:
    return Parser(Language(tree_sitter_cuda.language()))


def read_file(
    text: str,
    path: str,
    *,
    substitutes: Mapping[str, str],
    macros: Collection[str] = (),
    dropping: Collection[str] = (),
) -> FileFacts:
    """The facts of one file.

    `macros` are names whose use may be a call without parentheses, `dropping` macros that in some builds do nothing
    with their arguments.
    """
    cleaned = clean(text, path, substitutes)
    source = cleaned.text.encode("utf-8", "replace")
    tree = _parser().parse(source)
    reader = _Reader(source, path, cleaned, frozenset(macros), frozenset(dropping))
    reader.outside(tree.root_node, ())
    return reader.facts


class _Scope:
    """Where declarations are met: names of namespaces and classes, and whether they are visible in this file only."""

    __slots__ = ("is_class", "is_file_local", "names")

    def __init__(
        self, names: tuple[str, ...], *, is_class: bool = False, is_file_local: bool = False
    ) -> None:
        self.names, self.is_class, self.is_file_local = names, is_class, is_file_local


class _Reader:
    def __init__(
        self, source: bytes, path: str, cleaned: Cleaned, macros: frozenset[str], dropping: frozenset[str]
    ) -> None:
        self._source = source
        self._macros, self._dropping = macros, dropping
        self._class_here: Class | None = None
        self._conditions = cleaned.conditions
        self._function: Function | None = None
        self._guards: tuple[int, ...] = ()
        self.facts = FileFacts(
            path=path, lines=source.count(b"\n") + 1, includes=cleaned.includes, macros=cleaned.macros
        )

    # declarations

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
            case "template_declaration":
                self.outside(node, scope, is_template=True)
            case "declaration" | "field_declaration":
                self._variables(node, scope)
            case "alias_declaration":
                self._alias(node)
            case "type_definition":
                self._typedef(node, scope)
            case "ERROR":
                self._cannot_read(node)
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
        words = tuple(re.findall(r"\w+", self._text(name))) if name is not None else ()
        self.outside(body, _Scope((*scope.names, *words), is_file_local=scope.is_file_local or name is None))

    def _class(self, node: Node, scope: _Scope) -> None:
        body = node.child_by_field_name("body")
        name = node.child_by_field_name("name")
        if body is None:
            return
        words = _path(self._text(name)) if name is not None else ("(unnamed)",)
        bases = tuple(
            self._text(base)
            for clause in node.children
            if clause.type == "base_class_clause"
            for base in clause.named_children
            if base.type not in ("access_specifier", "virtual")
        )
        found = Class(
            file=self.facts.path,
            name=words[-1],
            scope=(*scope.names, *words[:-1]),
            line=_line(node),
            bases=bases,
        )
        self.facts.classes.append(found)
        before, self._class_here = self._class_here, found
        self.outside(body, _Scope((*scope.names, *words), is_class=True, is_file_local=scope.is_file_local))
        self._class_here = before

    def _variables(self, node: Node, scope: _Scope) -> None:
        kind = node.child_by_field_name("type")
        type_text = self._text(kind) if kind is not None else ""
        if kind is not None and kind.type in ("class_specifier", "struct_specifier", "union_specifier"):
            self._class(kind, scope)
            name = kind.child_by_field_name("name")
            type_text = self._text(name) if name is not None else "(unnamed)"
        inside = self._class_here if scope.is_class else None
        for declarator in node.children_by_field_name("declarator"):
            value: Node | None = node.child_by_field_name("default_value")
            target = declarator
            if declarator.type == "init_declarator":
                value = declarator.child_by_field_name("value")
                inner = declarator.child_by_field_name("declarator")
                target = inner if inner is not None else declarator
            function = _function_declarator(target)
            if function is not None and not _is_pointer_to_function(function):
                self._declared(node, function, type_text, inside)
                continue
            name = _declared_name(target)
            if name is None:
                continue
            local = Local(type_text, self.expression(value), self._words(value) if value is not None else "")
            if inside is not None:
                inside.fields[self._text(name)] = local
            else:
                self.facts.globals[self._text(name).split("::")[-1]] = local
            if value is not None:
                self._at_file_level(value)

    def _declared(self, node: Node, function: Node, returns: str, inside: Class | None) -> None:
        name = function.child_by_field_name("declarator")
        if name is None:
            return
        text = self._text(name).split("::")[-1]
        words = self._source[node.start_byte : node.end_byte]
        virtual = words.startswith(b"virtual") or any(
            each.type == "virtual_specifier" for each in function.children
        )
        parameters, _ = self._parameters(function)
        declared = Method(
            text,
            virtual,
            re.search(rb"=\s*0\s*;?$", words) is not None,
            returns,
            sum(not each.has_default for each in parameters),
            len(parameters),
        )
        into = self.facts.declared if inside is None else inside.methods
        into.setdefault(text, []).append(declared)

    def _alias(self, node: Node) -> None:
        name, kind = node.child_by_field_name("name"), node.child_by_field_name("type")
        if name is not None and kind is not None:
            self.facts.aliases[self._text(name)] = self._text(kind)

    def _typedef(self, node: Node, scope: _Scope) -> None:
        kind, name = node.child_by_field_name("type"), node.child_by_field_name("declarator")
        if kind is None:
            return
        if kind.child_by_field_name("body") is not None:
            self._class(kind, scope)
        if name is not None and name.type == "type_identifier":
            inner = kind.child_by_field_name("name")
            self.facts.aliases[self._text(name)] = self._text(inner if inner is not None else kind)

    def _at_file_level(self, node: Node) -> None:
        """Initialisers outside of functions: they name functions that somebody calls through a table."""
        for each in _below(node):
            if each.type == "identifier":
                self.facts.mentioned.setdefault(self._text(each), _line(each))
            elif each.type == "lambda_expression":
                function = Function(
                    file=self.facts.path,
                    name="(lambda)",
                    scope=(),
                    line=_line(each),
                    last_line=each.end_point.row + 1,
                )
                self._body_of(each, function)

    def _cannot_read(self, node: Node) -> None:
        words = self._words(node)
        if words:
            self.facts.opaque.append((_line(node), node.end_point.row + 1, words[:60]))

    # functions

    def _define(self, node: Node, scope: _Scope, *, is_template: bool) -> None:
        declarator = node.child_by_field_name("declarator")
        function = _function_declarator(declarator) if declarator is not None else None
        name = function.child_by_field_name("declarator") if function is not None else None
        body = node.child_by_field_name("body")
        if function is None or name is None:
            if body is not None:
                self.outside(body, scope)
            return
        kind = node.child_by_field_name("type")
        if kind is not None and kind.child_by_field_name("body") is not None:
            self._class(kind, scope)
        before_name = self._source[node.start_byte : name.start_byte]
        path = _path(self._text(name))
        is_method = scope.is_class or len(path) > 1
        names = (*scope.names, *path[:-1])
        virtual = before_name.startswith(b"virtual") or any(
            each.type == "virtual_specifier" for each in function.children
        )
        parameters, is_variadic = self._parameters(function)
        found = Function(
            file=self.facts.path,
            name=path[-1],
            scope=names,
            line=_line(node),
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
            specialises=_template_arguments(self._text(name)) if is_template else "",
            outer=tuple(
                Guard("#if", each.text, each.negated, _line(node))
                for each in self._conditions_at(_line(node))
            ),
            returns=self._text(kind) if kind is not None else "",
        )
        inside = self._class_here if scope.is_class else None
        if inside is not None:
            needed = sum(not each.has_default for each in parameters)
            inside.methods.setdefault(found.name, []).append(
                Method(found.name, virtual, False, found.returns, needed, len(parameters))
            )
        for parameter in parameters:
            found.locals[parameter.name] = Local(parameter.type)
        self._body_of(node, found)

    def _parameters(self, function: Node) -> tuple[tuple[Parameter, ...], bool]:
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
                name = _declared_name(declarator) if declarator is not None else None
                type_text = self._text(kind) if kind is not None else ""
                if type_text == "void" and declarator is None:
                    continue
                pointer = _pointer_sign(declarator)
                found.append(
                    Parameter(
                        self._text(name) if name is not None else "",
                        type_text + pointer,
                        has_default=child.type == "optional_parameter_declaration",
                    )
                )
        return tuple(found), is_variadic

    def _body_of(self, node: Node, function: Function) -> int:
        """Read the body of `node` into `function`; its number among the functions of the file."""
        number = len(self.facts.functions)
        self.facts.functions.append(function)
        before = self._function, self._guards
        self._function, self._guards = function, ()
        for child in node.children:
            if child.type == "field_initializer_list":
                self._field_initialisers(child)
        body = node.child_by_field_name("body")
        if body is None:
            body = next(
                (child for child in node.children if child.type in ("compound_statement", "try_statement")),
                None,
            )
        if body is not None:
            self.walk(body)
        self._function, self._guards = before
        return number

    def _field_initialisers(self, node: Node) -> None:
        assert self._function is not None
        for child in node.named_children:
            if child.type != "field_initializer" or not child.named_children:
                continue
            name = self._text(child.named_children[0])
            values = child.named_children[1:]
            for value in values:
                self.walk(value)
                inner = value.named_children[0] if value.named_child_count == 1 else None
                made = self._made(inner) if inner is not None else ""
                if made:
                    self.facts.assigned.append(Assigned(self._function.scope, name.split("::")[-1], made))
            arity = sum(value.named_child_count for value in values)
            self._add(Call("construct", name, _line(child), arity=arity, scope=("(field)",)))

    # statements and expressions

    def walk(self, node: Node) -> None:
        """Everything that runs when `node` runs."""
        handler = _HANDLERS.get(node.type)
        if handler is not None:
            handler(self, node)
            return
        for child in node.children:
            if child.is_named:
                self.walk(child)

    def _under(self, guard: Guard | None, nodes: "list[Node | None]") -> None:
        before = self._guards
        if guard is not None:
            self._guards = (*before, self._number(guard))
        for node in nodes:
            if node is not None:
                self.walk(node)
        self._guards = before

    def _number(self, guard: Guard) -> int:
        assert self._function is not None
        self._function.guards.append(guard)
        return len(self._function.guards) - 1

    def _block(self, node: Node) -> None:
        before = self._guards
        for child in node.children:
            if not child.is_named:
                continue
            self.walk(child)
            left = self._left_if(child)
            if left is not None:
                self._guards = (*self._guards, self._number(left))
        self._guards = before

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
        return Guard("return", self._words(_value_of(condition)), True, _line(node))

    def _if(self, node: Node) -> None:
        condition = node.child_by_field_name("condition")
        if condition is None:
            return
        self.walk(condition)
        text = self._words(_value_of(condition))
        line = _line(node)
        self._under(Guard("if", text, False, line), [node.child_by_field_name("consequence")])
        otherwise = node.child_by_field_name("alternative")
        if otherwise is not None:
            self._under(Guard("if", text, True, line), [otherwise])

    def _choice(self, node: Node) -> None:
        condition = node.child_by_field_name("condition")
        if condition is None:
            return
        self.walk(condition)
        text, line = self._words(condition), _line(node)
        self._under(Guard("if", text, False, line), [node.child_by_field_name("consequence")])
        self._under(Guard("if", text, True, line), [node.child_by_field_name("alternative")])

    def _binary(self, node: Node) -> None:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        operator = node.child_by_field_name("operator")
        sign = operator.type if operator is not None else ""
        if left is None or right is None or sign not in ("&&", "||", "and", "or"):
            for child in node.named_children:
                self.walk(child)
            return
        self.walk(left)
        self._under(Guard("if", self._words(left), sign in ("||", "or"), _line(node)), [right])

    def _switch(self, node: Node) -> None:
        condition, body = node.child_by_field_name("condition"), node.child_by_field_name("body")
        if condition is None or body is None:
            return
        self.walk(condition)
        subject = self._words(_value_of(condition))
        before = self._guards
        for child in body.named_children:
            if child.type == "case_statement":
                value = child.child_by_field_name("value")
                text = f"{subject} == {self._words(value)}" if value is not None else f"{subject}: default"
                self._under(
                    Guard("case", text, False, _line(child)),
                    [each for each in child.named_children if value is None or each.id != value.id],
                )
            else:
                self.walk(child)
        self._guards = before

    def _while(self, node: Node) -> None:
        condition = node.child_by_field_name("condition")
        text = self._words(_value_of(condition)) if condition is not None else ""
        never = Guard("if", text, False, _line(node)) if text in ("false", "0") else None
        self._under(None, [condition])
        self._under(never, [node.child_by_field_name("body")])

    def _catch(self, node: Node) -> None:
        self._under(
            Guard("catch", "an exception was thrown", False, _line(node)), [node.child_by_field_name("body")]
        )

    def _lambda(self, node: Node) -> None:
        """A lambda that is neither called nor handed to a call: somebody may call it later."""
        number = self._lambda_function(node)
        self._add(Call("lambda", "?", _line(node), target=number))

    def _lambda_function(self, node: Node) -> int:
        assert self._function is not None
        outer = self._function
        number = (
            self.facts.functions.index(outer)
            if outer in self.facts.functions[-1:]
            else self._number_of(outer)
        )
        function = Function(
            file=self.facts.path,
            name=f"{outer.name}(lambda)" if not outer.name.endswith("(lambda)") else outer.name,
            scope=outer.scope,
            line=_line(node),
            last_line=node.end_point.row + 1,
            is_method=outer.is_method,
            is_device=outer.is_device
            or b"__device__" in self._source[node.start_byte : node.start_byte + 200].split(b"{")[0],
            parent=number,
        )
        declarator = node.child_by_field_name("declarator")
        if declarator is not None:
            function.parameters, function.is_variadic = self._parameters(declarator)
        for parameter in function.parameters:
            function.locals[parameter.name] = Local(parameter.type)
        return self._body_of(node, function)

    def _number_of(self, function: Function) -> int:
        for number in range(len(self.facts.functions) - 1, -1, -1):
            if self.facts.functions[number] is function:
                return number
        return -1

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
            self._add(Call("lambda", "", _line(node), target=self._lambda_function(callee)))
            return
        scope, name, receiver, templates = self._callee(callee)
        if not name:
            self.walk(callee)
            self._arguments(arguments, "", None)
            self._add(Call("pointer", self._words(callee), _line(node), arity=len(arguments)))
            return
        if name in _CASTS or name in ("sizeof", "decltype", "alignof", "defined"):
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
            _line(node),
            scope=scope,
            receiver=receiver,
            arity=len(arguments),
            arguments=tuple(self._words(each) for each in arguments),
            values=tuple(self.expression(each) for each in arguments),
            template_arguments=templates,
        )
        if name in _ENVIRONMENT and self._function is not None:
            self._function.reads_environment = True
        if name in _MAKERS:
            made = _first_argument(templates)
            self._add(Call("construct", made, _line(node), scope=("(new)",), arity=len(arguments)))
        if call.receiver is not None and name in _CHANGING:
            self._changed(callee.child_by_field_name("argument"))
        before = self._guards
        if name in self._dropping:
            self._guards = (*before, self._number(Guard("macro", f"{name} is not empty", False, _line(node))))
        self._arguments(arguments, name, call)
        self._guards = before
        self._add(call)

    def _arguments(self, nodes: list[Node], name: str, call: Call | None) -> None:
        for position, node in enumerate(nodes):
            if node.type == "lambda_expression":
                self._add_lambda(node, name, call, position)
            elif node.type == "identifier":
                self._identifier(node, position, call)
            else:
                address = _address_taken(node)
                if address is not None:
                    self._changed(address)
                self.walk(node)

    def _add_lambda(self, node: Node, name: str, call: Call | None, position: int) -> None:
        guard: Guard | None = None
        if name in _CALL_ONCE:
            guard = Guard("once", f"first call only (std::{name})", False, _line(node))
        elif name in _THREADS:
            guard = Guard("thread", "in a thread of its own", False, _line(node))
        before = self._guards
        if guard is not None:
            self._guards = (*before, self._number(guard))
        number = self._lambda_function(node)
        self._add(
            Call(
                "lambda",
                name,
                _line(node),
                scope=call.scope if call is not None else (),
                receiver=call.receiver if call is not None else None,
                arity=call.arity if call is not None else 0,
                target=number,
                position=position,
            )
        )
        self._guards = before

    def _identifier(self, node: Node, position: int = -1, call: Call | None = None) -> None:
        name = self._text(node)
        if name in self._macros:
            self._add(Call("macro", name, _line(node), arity=-1))
        elif self._function is not None and name not in self._function.locals:
            self._add(
                Call(
                    "mention",
                    name,
                    _line(node),
                    position=position,
                    arguments=(call.name,) if call is not None else (),
                )
            )

    def _qualified(self, node: Node) -> None:
        path = _path(self._text(node))
        self._add(Call("mention", path[-1], _line(node), scope=path[:-1]))

    def _new(self, node: Node) -> None:
        kind = node.child_by_field_name("type")
        arguments = node.child_by_field_name("arguments")
        if kind is not None:
            arity = arguments.named_child_count if arguments is not None else 0
            self._add(Call("construct", self._text(kind), _line(node), scope=("(new)",), arity=arity))
        if arguments is not None:
            self.walk(arguments)

    def _delete(self, node: Node) -> None:
        for child in node.named_children:
            self.walk(child)
            self._add(Call("destroy", self._words(child), _line(node), values=(self.expression(child),)))

    def _compound_literal(self, node: Node) -> None:
        kind, value = node.child_by_field_name("type"), node.child_by_field_name("value")
        if kind is not None:
            arity = value.named_child_count if value is not None else 0
            self._add(Call("construct", self._text(kind), _line(node), arity=arity))
        if value is not None:
            self.walk(value)

    def _local(self, node: Node) -> None:
        assert self._function is not None
        kind = node.child_by_field_name("type")
        if kind is None:
            for child in node.named_children:
                self.walk(child)
            return
        if kind.child_by_field_name("body") is not None:
            self._class(kind, _Scope((*self._function.scope, self._function.name)))
        type_text = self._text(kind)
        words = self._source[node.start_byte : kind.start_byte]
        is_static = b"static" in words and b"constexpr" not in words
        for declarator in node.children_by_field_name("declarator"):
            target, value = declarator, None
            if declarator.type == "init_declarator":
                inner = declarator.child_by_field_name("declarator")
                target, value = (
                    (inner if inner is not None else declarator),
                    declarator.child_by_field_name("value"),
                )
            name = _declared_name(target)
            if name is None:
                continue
            variable = self._text(name)
            if target.type == "function_declarator" and not _is_pointer_to_function(target):
                # `Workspace lock(stream);` is read as the declaration of a function, which a body hardly ever holds.
                parameters = target.child_by_field_name("parameters")
                given = parameters.named_children if parameters is not None else []
                arity = len(given)
                for position, each in enumerate(given):
                    self._add(
                        Call(
                            "mention",
                            self._words(each),
                            _line(node),
                            arguments=(_path(type_text)[-1],),
                            position=position,
                        )
                    )
                self._function.locals[variable] = Local(type_text)
                self._add(Call("construct", type_text, _line(node), arity=arity))
                continue
            by_pointer = target.type in ("pointer_declarator", "reference_declarator")
            before = self._guards
            if is_static:
                guard = Guard("static", "first call only (static variable)", False, _line(node))
                self._guards = (*before, self._number(guard))
            if value is not None and value.type == "lambda_expression":
                self._function.locals[variable] = Local("(lambda)")
                self._function.lambdas[variable] = self._lambda_function(value)
            else:
                # The name is known before its initialiser is read, as in C++.
                made = self._made(value) if value is not None else ""
                self._function.locals[variable] = Local(
                    made + "*" if made and type_text == "auto" else type_text + _pointer_sign(target),
                    self.expression(value),
                    self._words(value) if value is not None else "",
                    is_static,
                )
                if value is not None:
                    self.walk(value)
                if not by_pointer and type_text != "auto":
                    arity = 0
                    if value is not None and value.type in ("argument_list", "initializer_list"):
                        arity = value.named_child_count
                    elif value is not None:
                        arity = 1
                    self._add(Call("construct", type_text, _line(node), arity=arity))
            self._guards = before

    def _for_each(self, node: Node) -> None:
        assert self._function is not None
        declarator, right = node.child_by_field_name("declarator"), node.child_by_field_name("right")
        kind = node.child_by_field_name("type")
        name = _declared_name(declarator) if declarator is not None else None
        if name is not None and kind is not None:
            self._function.locals[self._text(name)] = Local(
                self._text(kind), ("index", self.expression(right))
            )
        for part in (right, node.child_by_field_name("body")):
            if part is not None:
                self.walk(part)

    def _assign(self, node: Node) -> None:
        assert self._function is not None
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is None or right is None:
            return
        self.walk(left) if left.type not in ("identifier", "field_expression") else None
        variable = self._text(left)
        self._changed(left)
        if right.type == "lambda_expression":
            self._function.lambdas[variable] = self._lambda_function(right)
            if variable not in self._function.locals:
                self._add(Call("lambda", "?", _line(node), target=self._function.lambdas[variable]))
            return
        made = self._made(right)
        if made:
            name = variable.removeprefix("this->").split("[")[0].split(".")[-1].split("->")[-1]
            self.facts.assigned.append(Assigned(self._function.scope, name, made))
        known = self._function.locals.get(variable)
        if known is not None and "getenv" in self._words(right):
            known.text += " " + self._words(right)
        if right.type == "identifier":
            self._identifier(right)
        else:
            self.walk(right)

    def _changed(self, node: Node | None) -> None:
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
        if node is not None and self._function is not None:
            self._function.changes.append(Change(self._text(node), is_through, self._guards))

    def _update(self, node: Node) -> None:
        self._changed(node.child_by_field_name("argument"))
        for child in node.named_children:
            self.walk(child)

    def _made(self, node: Node | None) -> str:
        """The class of the object that `node` makes; empty if it does not."""
        if node is None:
            return ""
        if node.type == "new_expression":
            kind = node.child_by_field_name("type")
            return self._text(kind) if kind is not None else ""
        if node.type == "call_expression":
            callee = node.child_by_field_name("function")
            arguments = node.child_by_field_name("arguments")
            if callee is None:
                return ""
            _, name, _, templates = self._callee(callee)
            if name in _MAKERS:
                return _first_argument(templates)
            first = (
                arguments.named_children[0]
                if arguments is not None and arguments.named_child_count == 1
                else None
            )
            if name in ("unique_ptr", "shared_ptr", "move", "forward", "reset"):
                return self._made(first)
        return ""

    def _callee(self, node: Node) -> tuple[tuple[str, ...], str, Expr | None, str]:
        """Scope, name, receiver and template arguments of what is called. No name: it is no plain name."""
        match node.type:
            case "identifier":
                return (), self._text(node), None, ""
            case "template_function":
                name = node.child_by_field_name("name")
                templates = node.child_by_field_name("arguments")
                text = self._text(templates) if templates is not None else ""
                return (), self._text(name) if name is not None else "", None, text
            case "qualified_identifier":
                text = self._text(node)
                templates_at = re.search(r"<(.*)>$", text, re.DOTALL)
                path = _path(text)
                return path[:-1] or ("",), path[-1], None, templates_at.group(0) if templates_at else ""
            case "field_expression":
                field = node.child_by_field_name("field")
                argument = node.child_by_field_name("argument")
                if field is None:
                    return (), "", None, ""
                text = self._text(field)
                path = _path(text)
                templates_at = re.search(r"<(.*)>$", text, re.DOTALL)
                words = templates_at.group(0) if templates_at else ""
                return path[:-1], path[-1], self._reached_from(node, argument), words
            case "parenthesized_expression" if node.named_child_count == 1:
                inner = node.named_children[0]
                return (
                    self._callee(inner)
                    if inner.type in ("identifier", "qualified_identifier")
                    else ((), "", None, "")
                )
            case _:
                return (), "", None, ""

    def expression(self, node: Node | None) -> Expr:
        """`node` as far as its type can be told from it."""
        if node is None:
            return UNKNOWN
        match node.type:
            case "this":
                return THIS
            case "identifier":
                return ("name", (), self._text(node))
            case "qualified_identifier":
                path = _path(self._text(node))
                return ("name", path[:-1], path[-1])
            case "field_expression":
                field = node.child_by_field_name("field")
                argument = node.child_by_field_name("argument")
                return ("field", self._reached_from(node, argument), self._text(field) if field else "")
            case "subscript_expression":
                return ("index", self.expression(node.child_by_field_name("argument")))
            case "pointer_expression" | "parenthesized_expression" | "unary_expression":
                inner = node.named_children[0] if node.named_child_count == 1 else None
                value = self.expression(inner)
                is_followed = node.type == "pointer_expression" and node.children[0].type == "*"
                return ("deref", value) if is_followed else value
            case "cast_expression":
                kind = node.child_by_field_name("type")
                return ("type", self._text(kind) if kind is not None else "")
            case "new_expression":
                return ("type", self._made(node) + "*")
            case "call_expression":
                return self._call_expression(node)
            case "compound_literal_expression":
                kind = node.child_by_field_name("type")
                return ("type", self._text(kind) if kind is not None else "")
            case "number_literal":
                return ("type", "float" if re.search(r"[.]|\df$", self._text(node)) else "int")
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
        scope, name, receiver, templates = self._callee(callee)
        if name in _CASTS:
            return ("type", _first_argument(templates))
        if name in _MAKERS:
            return ("type", _first_argument(templates) + "*")
        if name in ("move", "forward", "ref", "cref") and scope in (("std",), ()):
            arguments = node.child_by_field_name("arguments")
            return (
                self.expression(arguments.named_children[0])
                if arguments and arguments.named_child_count
                else UNKNOWN
            )
        return ("call", receiver, scope, name) if name else UNKNOWN

    def _add(self, call: Call) -> None:
        if self._function is None:
            return
        guards = self._guards
        conditions = self._conditions_at(call.line)
        around = self._conditions_at(self._function.line)
        for condition in conditions[len(around) :] if conditions[: len(around)] == around else conditions:
            guards = (*guards, self._number(Guard("#if", condition.text, condition.negated, call.line)))
        call.guards = guards
        self._function.calls.append(call)

    def _conditions_at(self, line: int) -> tuple[Condition, ...]:
        return self._conditions[line - 1] if line <= len(self._conditions) else ()

    # text

    def _text(self, node: Node) -> str:
        return self._source[node.start_byte : node.end_byte].decode("utf-8", "replace")

    def _words(self, node: Node | None) -> str:
        if node is None:
            return ""
        words = _SPACE.sub(" ", self._text(node)).strip()
        return words if len(words) <= _LONGEST_WORDS else words[: _LONGEST_WORDS - 1] + "…"

    def _skip(self, node: Node) -> None:
        """Types and the like, where nothing runs."""

    def _error(self, node: Node) -> None:
        self._cannot_read(node)
        for child in node.named_children:
            self.walk(child)

    def _nested_class(self, node: Node) -> None:
        assert self._function is not None
        self._class(node, _Scope((*self._function.scope, self._function.name)))


_HANDLERS = {
    "compound_statement": _Reader._block,
    "if_statement": _Reader._if,
    "conditional_expression": _Reader._choice,
    "binary_expression": _Reader._binary,
    "switch_statement": _Reader._switch,
    "catch_clause": _Reader._catch,
    "while_statement": _Reader._while,
    "lambda_expression": _Reader._lambda,
    "call_expression": _Reader._call,
    "new_expression": _Reader._new,
    "delete_expression": _Reader._delete,
    "compound_literal_expression": _Reader._compound_literal,
    "declaration": _Reader._local,
    "for_range_loop": _Reader._for_each,
    "assignment_expression": _Reader._assign,
    "update_expression": _Reader._update,
    "identifier": _Reader._identifier,
    "qualified_identifier": _Reader._qualified,
    "sizeof_expression": _Reader._skip,
    "decltype": _Reader._skip,
    "type_descriptor": _Reader._skip,
    "template_argument_list": _Reader._skip,
    "string_literal": _Reader._skip,
    "comment": _Reader._skip,
    "ERROR": _Reader._error,
    "struct_specifier": _Reader._nested_class,
    "class_specifier": _Reader._nested_class,
}


def _line(node: Node) -> int:
    return node.start_point.row + 1


def _address_taken(node: Node) -> Node | None:
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


def _value_of(condition: Node) -> Node:
    """The condition without its parentheses."""
    value = condition.child_by_field_name("value")
    if value is not None:
        return value
    return condition.named_children[0] if condition.named_child_count == 1 else condition


def _path(text: str) -> tuple[str, ...]:
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


def _template_arguments(text: str) -> str:
    """`double` of `launch<double>`, without blanks; empty for a name without any."""
    found = re.search(r"<(.*)>$", text, re.DOTALL)
    return "".join(found.group(1).split()) if found is not None else ""


def _first_argument(templates: str) -> str:
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


def _pointer_sign(declarator: Node | None) -> str:
    """`*` or `&` for what is declared by pointer or reference."""
    if declarator is None:
        return ""
    return "*" if "pointer" in declarator.type else "&" if "reference" in declarator.type else ""


def _function_declarator(node: Node | None) -> Node | None:
    while node is not None:
        if node.type == "function_declarator":
            inner = node.child_by_field_name("declarator")
            deeper = (
                _function_declarator(inner)
                if inner is not None and inner.type != "parenthesized_declarator"
                else None
            )
            return deeper or node
        inner = node.child_by_field_name("declarator")
        if inner is None:
            inner = next((child for child in node.named_children if child.type.endswith("_declarator")), None)
        node = inner
    return None


def _is_pointer_to_function(function: Node) -> bool:
    inner = function.child_by_field_name("declarator")
    return inner is not None and inner.type == "parenthesized_declarator"


def _declared_name(node: Node | None) -> Node | None:
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


def _below(node: Node) -> Iterator[Node]:
    """`node` and all nodes below it, lambdas not entered."""
    waiting = [node]
    while waiting:
        each = waiting.pop()
        yield each
        if each.type != "lambda_expression":
            waiting.extend(each.named_children)
