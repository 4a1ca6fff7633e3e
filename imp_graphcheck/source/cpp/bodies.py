"""Bodies of functions: what they call, under which conditions, and what they change."""

import re
from collections.abc import Callable

from tree_sitter import Node

from imp_graphcheck.source.cpp.expressions import CASTS, MAKERS, Expressions
from imp_graphcheck.source.cpp.facts import (
    Assigned,
    Call,
    Change,
    Expr,
    FileFacts,
    Function,
    Guard,
    Local,
)
from imp_graphcheck.source.cpp.preprocessor import Condition
from imp_graphcheck.source.cpp.syntax import (
    address_taken,
    declared_name,
    first_argument,
    is_pointer_to_function,
    line_of,
    path_of,
    pointer_sign,
    value_of,
)
from imp_graphcheck.source.cpp.types import parse_type
from imp_graphcheck.source.cpp.words import words

_CALL_ONCE = frozenset({"call_once", "flag_once"})
_THREADS = frozenset({"thread", "jthread", "async"})
_LEAVES = frozenset(
    {"return_statement", "throw_statement", "break_statement", "continue_statement", "goto_statement"}
)
_GIVES_UP = words(
    "abort exit _exit quick_exit terminate rethrow_exception __builtin_trap __builtin_unreachable"
)
_ENVIRONMENT = frozenset({"getenv", "secure_getenv", "GetEnvironmentVariableA", "_dupenv_s"})
_GIVING = frozenset({"move", "forward", "exchange"})
_LITERALS = frozenset(
    {"number_literal", "string_literal", "char_literal", "true", "false", "null", "initializer_list"}
)
_ASKS = re.compile(r"!?\s*(?:\w+::)*\w*(?i:env)\w*\(.*\)")
_CHANGING = words(
    "reset emplace try_emplace insert push_back emplace_back resize reserve assign swap allocate alloc init store exchange "
    "insert_or_assign operator= set grow"
)
"""Methods after which an object is another than before."""


class Bodies:
    """Reads bodies into the facts of one file.

    `macros` are names whose use may be a call without parentheses, `dropping` macros that in some builds do nothing with
    their arguments. `on_class` is told of classes that are defined inside of functions, and of the scope they are in.
    """

    def __init__(
        self,
        expressions: Expressions,
        facts: FileFacts,
        conditions: list[tuple[Condition, ...]],
        macros: frozenset[str],
        dropping: frozenset[str],
        on_class: Callable[[Node, tuple[str, ...]], None],
    ) -> None:
        self._expressions = expressions
        self._facts = facts
        self._conditions = conditions
        self._macros, self._dropping = macros, dropping
        self._on_class = on_class
        self._function: Function | None = None
        self._guards: tuple[int, ...] = ()

    def read(self, node: Node, function: Function) -> int:
        """Read the body of `node` into `function`; its number among the functions of the file."""
        number = len(self._facts.functions)
        self._facts.functions.append(function)
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
        if body is not None and not function.is_device:
            self.walk(body)
        self._function, self._guards = before
        return number

    def _field_initialisers(self, node: Node) -> None:
        assert self._function is not None
        for child in node.named_children:
            if child.type != "field_initializer" or not child.named_children:
                continue
            name = self._expressions.text(child.named_children[0])
            values = child.named_children[1:]
            self._set_from(name, " ".join(self._expressions.words(value).strip("(){}") for value in values))
            for value in values:
                self.walk(value)
                inner = value.named_children[0] if value.named_child_count == 1 else None
                made = self._expressions.made(inner) if inner is not None else ""
                if made:
                    self._facts.assigned.append(Assigned(self._function.scope, name.split("::")[-1], made))
            given = tuple(each for value in values for each in self._values(value))
            self._add(
                Call(
                    "construct",
                    name,
                    line_of(child),
                    arity=len(given),
                    scope=("(field)",),
                    values=given,
                )
            )

    def _set_from(self, name: str, text: str) -> None:
        """Note a field or a variable of the file that is set from the environment."""
        assert self._function is not None
        if name.isidentifier() and ("getenv" in text or _ASKS.fullmatch(text)):
            self._facts.switches.append(Assigned(self._function.scope, name, text))

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
        before, is_left = self._guards, False
        for child in node.children:
            if not child.is_named:
                continue
            if is_left and child.type in ("case_statement", "labeled_statement"):
                is_left, self._guards = False, before
            self.walk(child)
            if child.type in _LEAVES and not is_left and self._is_in_every_build(child):
                is_left = True
                self._guards = (*self._guards, self._number(Guard("if", "false", False, line_of(child))))
            left = self._left_if(child)
            if left is not None:
                self._guards = (*self._guards, self._number(left))
        self._guards = before

    def _is_in_every_build(self, node: Node) -> bool:
        """Whether no `#if` inside of the function takes this away: another build goes on behind it."""
        assert self._function is not None
        return self.conditions_at(line_of(node)) == self.conditions_at(self._function.line)

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
        return Guard("return", self._expressions.words(value_of(condition)), True, line_of(node))

    def _if(self, node: Node) -> None:
        condition = node.child_by_field_name("condition")
        if condition is None:
            return
        self.walk(condition)
        text = self._expressions.words(value_of(condition))
        line = line_of(node)
        then = node.child_by_field_name("consequence")
        self._under(Guard("fatal" if self._gives_up(then) else "if", text, False, line), [then])
        otherwise = node.child_by_field_name("alternative")
        if otherwise is not None:
            self._under(Guard("if", text, True, line), [otherwise])

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
        return callee is not None and self._expressions.callee(callee)[1] in _GIVES_UP

    def _choice(self, node: Node) -> None:
        condition = node.child_by_field_name("condition")
        if condition is None:
            return
        self.walk(condition)
        text, line = self._expressions.words(condition), line_of(node)
        self._under(Guard("if", text, False, line), [node.child_by_field_name("consequence")])
        self._under(Guard("if", text, True, line), [node.child_by_field_name("alternative")])

    def _binary(self, node: Node) -> None:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        operator = node.child_by_field_name("operator")
        sign = operator.type if operator is not None else ""
        if left is None or right is None or sign not in ("&&", "||", "and", "or"):
            for child in node.named_children:
                self.walk(child)
            if left is not None and right is not None and left.type == "identifier":
                self._operator_on(left, right, sign)
            return
        self.walk(left)
        self._under(Guard("if", self._expressions.words(left), sign in ("||", "or"), line_of(node)), [right])

    def _operator_on(self, left: Node, right: Node, sign: str) -> None:
        assert self._function is not None
        if self._expressions.text(left) in self._function.locals and self._may_be_object(left):
            given = (self._expressions.expression(left), self._expressions.expression(right))
            self._add(Call("operator", f"operator{sign}", line_of(left), arity=1, values=given))

    def _switch(self, node: Node) -> None:
        condition, body = node.child_by_field_name("condition"), node.child_by_field_name("body")
        if condition is None or body is None:
            return
        self.walk(condition)
        subject = self._expressions.words(value_of(condition))
        before = self._guards
        for child in body.named_children:
            if child.type == "case_statement":
                value = child.child_by_field_name("value")
                text = (
                    f"{subject} == {self._expressions.words(value)}"
                    if value is not None
                    else f"{subject}: default"
                )
                self._under(
                    Guard("case", text, False, line_of(child)),
                    [each for each in child.named_children if value is None or each.id != value.id],
                )
            else:
                self.walk(child)
        self._guards = before

    def _while(self, node: Node) -> None:
        condition = node.child_by_field_name("condition")
        text = self._expressions.words(value_of(condition)) if condition is not None else ""
        never = Guard("if", text, False, line_of(node)) if text in ("false", "0") else None
        self._under(None, [condition])
        self._under(never, [node.child_by_field_name("body")])

    def _catch(self, node: Node) -> None:
        self._under(
            Guard("catch", "an exception was thrown", False, line_of(node)),
            [node.child_by_field_name("body")],
        )

    def _lambda(self, node: Node) -> None:
        """A lambda that is neither called nor handed to a call: somebody may call it later."""
        number = self._lambda_function(node)
        self._add(Call("lambda", "?", line_of(node), target=number))

    def _lambda_function(self, node: Node) -> int:
        assert self._function is not None
        outer = self._function
        number = (
            self._facts.functions.index(outer)
            if outer in self._facts.functions[-1:]
            else self._number_of(outer)
        )
        function = Function(
            file=self._facts.path,
            name=f"{outer.name}(lambda)" if not outer.name.endswith("(lambda)") else outer.name,
            scope=outer.scope,
            line=line_of(node),
            last_line=node.end_point.row + 1,
            is_method=outer.is_method,
            is_device=outer.is_device
            or b"__device__"
            in self._expressions.source[node.start_byte : node.start_byte + 200].split(b"{")[0],
            parent=number,
        )
        captures = node.child_by_field_name("captures")
        for each in captures.named_children if captures is not None else ():
            if each.type == "lambda_capture_initializer":
                self.walk(each)
        declarator = node.child_by_field_name("declarator")
        if declarator is not None:
            function.parameters, function.is_variadic = self._expressions.parameters(declarator)
        for parameter in function.parameters:
            function.locals[parameter.name] = Local(parameter.type)
        return self.read(node, function)

    def _number_of(self, function: Function) -> int:
        for number in range(len(self._facts.functions) - 1, -1, -1):
            if self._facts.functions[number] is function:
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
            self._add(Call("lambda", "", line_of(node), target=self._lambda_function(callee)))
            return
        scope, name, receiver, templates = self._expressions.callee(callee)
        if not name:
            self.walk(callee)
            self._arguments(arguments, "", None)
            self._add(
                Call(
                    "pointer",
                    self._expressions.words(callee),
                    line_of(node),
                    receiver=self._expressions.expression(callee),
                    arity=len(arguments),
                    values=tuple(self._expressions.expression(each) for each in arguments),
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
            arguments=tuple(self._expressions.words(each) for each in arguments),
            values=tuple(self._expressions.expression(each) for each in arguments),
            template_arguments=templates,
        )
        if name in _ENVIRONMENT and self._function is not None:
            self._function.reads_environment = True
        if name in MAKERS:
            made = first_argument(templates)
            self._add(
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
            self._changed(callee.child_by_field_name("argument"))
        before = self._guards
        if name in self._dropping:
            self._guards = (
                *before,
                self._number(Guard("macro", f"{name} is not empty", False, line_of(node))),
            )
        self._arguments(arguments, name, call)
        self._guards = before
        self._add(call)

    def _arguments(self, nodes: list[Node], name: str, call: Call | None) -> None:
        for position, node in enumerate(nodes):
            if node.type == "lambda_expression":
                self._add_lambda(node, name, call, position)
            elif node.type == "identifier":
                self._identifier(node, position, call)
                if name in _GIVING and self._function is not None:
                    self._function.given_away.add(self._expressions.text(node))
            elif call is not None and (named := _function_named(node)) is not None:
                self._qualified(named, position, call)
            else:
                address = address_taken(node)
                if address is not None:
                    self._changed(address)
                self.walk(node)

    def _of_taker(self, name: str, line: int) -> tuple[int, ...]:
        """The guards of what is handed to a function of this name."""
        if name in _CALL_ONCE:
            return (*self._guards, self._number(Guard("once", f"first call only (std::{name})", False, line)))
        if name in _THREADS:
            return (*self._guards, self._number(Guard("thread", "in a thread of its own", False, line)))
        return self._guards

    def _add_lambda(self, node: Node, name: str, call: Call | None, position: int) -> None:
        before = self._guards
        self._guards = self._of_taker(name, line_of(node))
        number = self._lambda_function(node)
        self._add(
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
        self._guards = before

    def _identifier(self, node: Node, position: int = -1, call: Call | None = None) -> None:
        name = self._expressions.text(node)
        if name in self._macros:
            self._add(Call("macro", name, line_of(node), arity=-1))
        elif self._function is not None and (
            name not in self._function.locals or name in self._function.lambdas
        ):
            self._mention(name, line_of(node), (), position, call)

    def _qualified(self, node: Node, position: int = -1, call: Call | None = None) -> None:
        path = path_of(self._expressions.text(node))
        self._mention(path[-1], line_of(node), path[:-1], position, call)

    def _mention(
        self, name: str, line: int, scope: tuple[str, ...], position: int, call: Call | None
    ) -> None:
        before = self._guards
        if call is not None:
            self._guards = self._of_taker(call.name, line)
        self._add(
            Call(
                "mention",
                name,
                line,
                scope=scope,
                position=position,
                arguments=(call.name,) if call is not None else (),
            )
        )
        self._guards = before

    def _new(self, node: Node) -> None:
        kind = node.child_by_field_name("type")
        arguments = node.child_by_field_name("arguments")
        if kind is not None:
            values = self._values(arguments)
            self._add(
                Call(
                    "construct",
                    self._expressions.text(kind),
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
            self._add(
                Call(
                    "destroy",
                    self._expressions.words(child),
                    line_of(node),
                    values=(self._expressions.expression(child),),
                )
            )

    def _compound_literal(self, node: Node) -> None:
        kind, value = node.child_by_field_name("type"), node.child_by_field_name("value")
        if kind is not None:
            values = self._values(value)
            self._add(
                Call(
                    "construct",
                    self._expressions.text(kind),
                    line_of(node),
                    arity=len(values),
                    values=values,
                )
            )
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
            self._on_class(kind, (*self._function.scope, self._function.name))
        type_text = self._expressions.text(kind)
        words = self._expressions.source[node.start_byte : kind.start_byte]
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
            variable = self._expressions.text(name)
            if target.type == "function_declarator" and not is_pointer_to_function(target):
                # `Workspace lock(stream);` is read as the declaration of a function, which a body hardly ever holds.
                parameters = target.child_by_field_name("parameters")
                given = parameters.named_children if parameters is not None else []
                arity = len(given)
                for position, each in enumerate(given):
                    self._add(
                        Call(
                            "mention",
                            self._expressions.words(each),
                            line_of(node),
                            arguments=(path_of(type_text)[-1],),
                            position=position,
                        )
                    )
                self._function.locals[variable] = Local(type_text)
                self._add(Call("construct", type_text, line_of(node), arity=arity, arguments=(variable,)))
                continue
            by_pointer = target.type in ("pointer_declarator", "reference_declarator")
            before = self._guards
            if is_static:
                guard = Guard("static", "first call only (static variable)", False, line_of(node))
                self._guards = (*before, self._number(guard))
            if value is not None and value.type == "lambda_expression":
                self._function.locals[variable] = Local("(lambda)")
                self._function.lambdas[variable] = self._lambda_function(value)
            else:
                # The name is known before its initialiser is read, as in C++.
                made = self._expressions.made(value) if value is not None else ""
                self._function.locals[variable] = Local(
                    made + "*" if made and type_text == "auto" else type_text + pointer_sign(target),
                    self._expressions.expression(value),
                    self._expressions.words(value) if value is not None else "",
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
                    self._add(
                        Call(
                            "construct",
                            type_text,
                            line_of(node),
                            arity=arity,
                            arguments=(variable,),
                            values=self._values(value),
                        )
                    )
            self._guards = before

    def _ends_with_scope(self, variable: str, type_text: str, value: Node | None, line: int) -> None:
        """`auto p = std::make_unique<T>()`: what it holds ends with it."""
        if value is None or value.type != "call_expression" or type_text != "auto":
            return
        callee = value.child_by_field_name("function")
        name = self._expressions.callee(callee)[1] if callee is not None else ""
        if name in MAKERS:
            kind = "(unique)" if name == "make_unique" else "(shared)"
            self._add(Call("destroy", kind, line, arguments=(variable,), values=(("name", (), variable),)))

    def _values(self, value: Node | None) -> tuple[Expr, ...]:
        """What an initialiser hands to a constructor."""
        if value is None:
            return ()
        if value.type in ("argument_list", "initializer_list"):
            return tuple(self._expressions.expression(each) for each in value.named_children)
        return (self._expressions.expression(value),)

    def _for_each(self, node: Node) -> None:
        assert self._function is not None
        declarator, right = node.child_by_field_name("declarator"), node.child_by_field_name("right")
        kind = node.child_by_field_name("type")
        name = declared_name(declarator) if declarator is not None else None
        if name is not None and kind is not None:
            self._function.locals[self._expressions.text(name)] = Local(
                self._expressions.text(kind), ("index", self._expressions.expression(right))
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
        variable = self._expressions.text(left)
        self._changed(left)
        if right.type == "lambda_expression":
            self._function.lambdas[variable] = self._lambda_function(right)
            if variable not in self._function.locals:
                self._add(Call("lambda", "?", line_of(node), target=self._function.lambdas[variable]))
            return
        if variable not in self._function.locals:
            self._set_from(variable.removeprefix("this->"), self._expressions.words(right))
        made = self._expressions.made(right)
        if made:
            name = variable.removeprefix("this->").split("[")[0].split(".")[-1].split("->")[-1]
            self._facts.assigned.append(Assigned(self._function.scope, name, made))
        known = self._function.locals.get(variable)
        if known is not None and "getenv" in self._expressions.words(right):
            known.text += " " + self._expressions.words(right)
        if self._may_be_object(left) and right.type not in _LITERALS:
            given = (self._expressions.expression(left), self._expressions.expression(right))
            operator = node.child_by_field_name("operator")
            sign = operator.type if operator is not None else "="
            self._add(Call("operator", f"operator{sign}", line_of(node), arity=1, values=given))
        if right.type == "initializer_list":
            values = self._values(right)
            self._add(
                Call(
                    "construct",
                    "",
                    line_of(node),
                    receiver=self._expressions.expression(left),
                    arity=len(values),
                    values=values,
                )
            )
        if right.type == "identifier":
            self._identifier(right)
        else:
            self.walk(right)

    def _may_be_object(self, node: Node) -> bool:
        """Whether this can be an object of a class, as far as the body itself says."""
        assert self._function is not None
        if node.type not in ("identifier", "field_expression"):
            return False
        local = self._function.locals.get(self._expressions.text(node))
        if local is None:
            return True
        kind = parse_type(local.type)
        return not kind.stars and not kind.is_number

    def _subscript(self, node: Node) -> None:
        for child in node.named_children:
            self.walk(child)
        argument = node.child_by_field_name("argument")
        if argument is not None and self._may_be_object(argument):
            given = (self._expressions.expression(argument),)
            self._add(Call("operator", "operator[]", line_of(node), arity=1, values=given))

    def _return(self, node: Node) -> None:
        """`return {a, b};` makes what the function returns."""
        assert self._function is not None
        for child in node.named_children:
            if child.type == "identifier":
                self._function.given_away.add(self._expressions.text(child))
            if child.type == "initializer_list" and self._function.returns:
                values = self._values(child)
                self._add(
                    Call("construct", self._function.returns, line_of(node), arity=len(values), values=values)
                )
            self.walk(child)

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
            self._function.changes.append(Change(self._expressions.text(node), is_through, self._guards))

    def _update(self, node: Node) -> None:
        self._changed(node.child_by_field_name("argument"))
        for child in node.named_children:
            self.walk(child)

    def _add(self, call: Call) -> None:
        if self._function is None:
            return
        guards = self._guards
        conditions = self.conditions_at(call.line)
        around = self.conditions_at(self._function.line)
        for condition in conditions[len(around) :] if conditions[: len(around)] == around else conditions:
            guards = (*guards, self._number(Guard("#if", condition.text, condition.negated, call.line)))
        call.guards = guards
        self._function.calls.append(call)

    def conditions_at(self, line: int) -> tuple[Condition, ...]:
        return self._conditions[line - 1] if line <= len(self._conditions) else ()

    def _skip(self, node: Node) -> None:
        """Types and the like, where nothing runs."""

    def _nested_class(self, node: Node) -> None:
        assert self._function is not None
        self._on_class(node, (*self._function.scope, self._function.name))


def _function_named(node: Node) -> Node | None:
    """`f` of `&f`, `&A::f` and `A::f`."""
    if node.type == "pointer_expression" and node.children[0].type == "&":
        argument = node.child_by_field_name("argument")
        is_path = argument is not None and argument.type == "qualified_identifier"
        return argument if is_path else None
    return node if node.type == "qualified_identifier" else None


_HANDLERS = {
    "compound_statement": Bodies._block,
    "if_statement": Bodies._if,
    "conditional_expression": Bodies._choice,
    "binary_expression": Bodies._binary,
    "switch_statement": Bodies._switch,
    "catch_clause": Bodies._catch,
    "while_statement": Bodies._while,
    "lambda_expression": Bodies._lambda,
    "call_expression": Bodies._call,
    "new_expression": Bodies._new,
    "delete_expression": Bodies._delete,
    "compound_literal_expression": Bodies._compound_literal,
    "declaration": Bodies._local,
    "return_statement": Bodies._return,
    "for_range_loop": Bodies._for_each,
    "assignment_expression": Bodies._assign,
    "subscript_expression": Bodies._subscript,
    "update_expression": Bodies._update,
    "identifier": Bodies._identifier,
    "qualified_identifier": Bodies._qualified,
    "sizeof_expression": Bodies._skip,
    "decltype": Bodies._skip,
    "type_descriptor": Bodies._skip,
    "template_argument_list": Bodies._skip,
    "string_literal": Bodies._skip,
    "comment": Bodies._skip,
    "struct_specifier": Bodies._nested_class,
    "class_specifier": Bodies._nested_class,
}
