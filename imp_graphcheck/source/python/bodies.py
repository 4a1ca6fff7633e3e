"""Bodies: statements in their order, the guards they are under, and what names stand for after them."""

import ast
from collections.abc import Iterator, Sequence

from imp_graphcheck.source.python.analysis import Guard
from imp_graphcheck.source.python.expressions import Expressions
from imp_graphcheck.source.python.frame import Arguments
from imp_graphcheck.source.python.guards import KEYED, settle
from imp_graphcheck.source.python.syntax import Definition, constant, dotted, name_of_call
from imp_graphcheck.source.python.values import (
    NONE,
    NUMBER,
    TEXT,
    UNKNOWN,
    ClassRef,
    Const,
    Device,
    ExternalObject,
    Func,
    Group,
    Host,
    Method,
    Object,
    Tensor,
    Unknown,
    Value,
    as_tensor,
    element_of,
    is_host_value,
    join,
    options_of,
)

_KEY_ERRORS = ("KeyError", "AttributeError", "IndexError")


class Body(Expressions):
    """One reading of a body."""

    _returned: list[Value]
    _own = ""

    def read(self, node: Definition) -> None:
        """Read a function or lambda."""
        self._returned = []
        self._parameters(node)
        if isinstance(node, ast.Lambda):
            self.gives(self.evaluate(node.body))
        else:
            self.block(node.body)
        analysis = self.analysis
        stores = [(each.name, each.guards) for each in analysis.stores]
        stores += list(self._stores_of_callees())
        settle(analysis.guards, stores)
        if self._returned:
            known = [each for each in self._returned if each != NONE]
            analysis.returns = join(*(known or self._returned))
        self.memo.clear()

    def read_module(self, node: ast.Module) -> None:
        """Read the top level of a module, for the names that it assigns."""
        self._returned = []
        with self.silently():
            self.block(node.body)
        self.memo.clear()

    def read_class(self, node: ast.ClassDef) -> None:
        """Read the body of a class, for the names that it assigns and annotates."""
        self._returned = []
        with self.silently():
            for each in node.body:
                if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
                    said = self.program.annotation(each.annotation, self.file)
                    if not isinstance(said, Unknown):
                        self.analysis.attributes[each.target.id] = said
                    value = self.evaluate(each.value) if each.value is not None else NONE
                    is_field = isinstance(each.value, ast.Call) and name_of_call(each.value) == "field"
                    self.names[each.target.id] = UNKNOWN if is_field else value
                elif isinstance(each, (ast.Assign, ast.If)):
                    self.statement(each)
        self.memo.clear()

    def _stores_of_callees(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        """What methods that are called on the own object change."""
        own = self._own
        if not own:
            return
        for edge in self.analysis.edges:
            callee = self.index.functions[edge.target.number]
            if (
                edge.guards
                and callee.stores
                and callee.owner >= 0
                and edge.target.bound == self.analysis.context.bound
            ):
                for name in callee.stores:
                    yield f"{own}.{name}", edge.guards

    # parameters

    def _parameters(self, node: Definition) -> None:
        context = self.analysis.context
        given = dict(context.given)
        arguments = [*node.args.posonlyargs, *node.args.args]
        function = self.function
        is_method = function is not None and function.owner >= 0
        is_static = function is not None and any(
            each.endswith("staticmethod") for each in function.decorators
        )
        if is_method and not is_static and arguments:
            self._own = arguments[0].arg
            bound = context.bound
            if bound is None:
                owner = self.index.owner(context.number)
                is_class = function is not None and any(
                    each.endswith("classmethod") for each in function.decorators
                )
                bound = given.get(self._own) or (ClassRef(owner) if is_class else Object(owner, False))
            self.names[self._own] = bound
            arguments = arguments[1:]
        evidence = self.program.evidence(context.number, node)
        likely, self.surely_tensors = evidence.likely, evidence.certain
        defaults = {
            argument.arg: default
            for argument, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
            if default is not None
        }
        if node.args.defaults:
            places = [*node.args.posonlyargs, *node.args.args]
            defaults |= {
                argument.arg: default
                for argument, default in zip(
                    places[len(places) - len(node.args.defaults) :], node.args.defaults, strict=True
                )
            }
        for argument in (*arguments, *node.args.kwonlyargs):
            name = argument.arg
            said = self.program.annotation(argument.annotation, self.file)
            self.names[name] = self._named(
                name, self._parameter(name, said, given.get(name), name in likely, defaults.get(name))
            )
        if node.args.vararg is not None:
            self.names[node.args.vararg.arg] = given.get(node.args.vararg.arg, Group("tuple", UNKNOWN))
        if node.args.kwarg is not None:
            self.names[node.args.kwarg.arg] = Group("dict", UNKNOWN)

    def _parameter(
        self, name: str, said: Value, given: Value | None, is_likely: bool, default: ast.expr | None
    ) -> Value:
        if given is not None and not isinstance(given, (Unknown, Method)):
            tensor, annotated = as_tensor(given), as_tensor(said)
            if tensor is not None and annotated is None and said in (NUMBER, TEXT):
                # Whoever called it so was taken for a caller by the name of the method alone.
                return said
            if tensor is not None and annotated is not None:
                return Tensor(tensor.memory, tensor.is_bool, tensor.rank)
            if given == NONE or not (isinstance(given, Host) and annotated is not None):
                return given
        if not isinstance(said, Unknown):
            return said
        if is_likely:
            return Tensor()
        if (
            default is not None
            and isinstance(default, ast.Constant)
            and isinstance(default.value, (bool, int, float))
        ):
            return NUMBER
        if name == "device":
            return Device(None)
        return UNKNOWN

    def own_name(self) -> str:
        if self._own:
            return self._own
        closure = self.analysis.context.closure
        while closure >= 0:
            outer = self.program.analyses[closure]
            number = outer.context.number
            if number >= 0 and self.index.functions[number].owner >= 0:
                return "self"
            closure = outer.context.closure
        return ""

    def gives(self, value: Value) -> None:
        self._returned.append(value)

    # statements

    def block(self, body: Sequence[ast.stmt]) -> bool:
        """Read statements; whether the end is never reached."""
        depth = len(self.stack)
        ended = False
        for each in body:
            if self.statement(each):
                ended = True
                break
        del self.stack[depth:]
        return ended

    def statement(self, node: ast.stmt) -> bool:
        """Read one statement; whether what follows it is never reached."""
        match node:
            case ast.Expr():
                self.is_wanted = False
                self.evaluate(node.value)
                self.is_wanted = True
            case ast.Assign():
                value = self.evaluate(node.value)
                for target in node.targets:
                    self.assign(target, value, node.value)
            case ast.AnnAssign():
                self._annotated(node)
            case ast.AugAssign():
                self._augmented(node)
            case ast.If():
                return self._if(node)
            case ast.For() | ast.AsyncFor():
                self._for(node)
            case ast.While():
                self._while(node)
            case ast.With() | ast.AsyncWith():
                return self._with(node)
            case ast.Try() | ast.TryStar():
                return self._try(node)
            case ast.Return():
                self.gives(self.evaluate(node.value) if node.value is not None else NONE)
                return True
            case ast.Raise():
                self._raise(node)
                return True
            case ast.Assert():
                self._assert(node)
            case ast.Break() | ast.Continue():
                return True
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._definition(node)
            case ast.ClassDef():
                number = self.index.class_by_place.get((self.file, node.lineno, node.col_offset))
                if number is not None:
                    self.names[node.name] = ClassRef(number)
            case ast.Global() | ast.Nonlocal():
                self.outliving.update(node.names)
            case ast.Match():
                self._match(node)
            case ast.Delete():
                for target in node.targets:
                    self.names.pop(dotted(target), None)
            case ast.Import() | ast.ImportFrom():
                self._import(node)
            case _:
                pass
        return False

    def _definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        number = self.index.by_place.get((self.file, node.lineno, node.col_offset))
        if number is not None:
            for default in (
                *node.args.defaults,
                *(each for each in node.args.kw_defaults if each is not None),
            ):
                self.evaluate(default)
            closure = self.analysis.id if self.function is not None else -1
            self.names[node.name] = Func(number, None, closure)

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        if self.function is None:
            return
        for alias in node.names:
            if isinstance(node, ast.Import):
                name = alias.asname or alias.name.split(".")[0]
                module = alias.name if alias.asname else name
                found = [self.index.module_named(module, self.file)]
            else:
                name = alias.asname or alias.name
                module = self.index.absolute(node.module or "", node.level, self.file)
                found = self.index.find_in(module, alias.name, self.file)
            values = [self.program.meaning(each, alias.name) for each in found]
            self.names[name] = join(*values) if values else UNKNOWN

    # assignments

    def assign(self, target: ast.expr, value: Value, node: ast.AST | None = None) -> None:
        match target:
            case ast.Name(id=name):
                if name in self.outliving:
                    self.store(name)
                self._forget(name)
                self.names[name] = value
                place = _source_of(node)
                if place:
                    self.aliases[name] = place
            case ast.Attribute():
                self._assign_attribute(target, value)
            case ast.Subscript():
                self._assign_item(target, value, node)
            case ast.Tuple() | ast.List():
                self._unpack(target, value)
            case ast.Starred():
                self.assign(target.value, Group("list", value))
            case _:
                return

    def _forget(self, name: str) -> None:
        """What was known of attributes of an older `name`."""
        self.aliases.pop(name, None)
        prefix = f"{name}."
        for known in [each for each in self.names if each.startswith(prefix)]:
            del self.names[known]

    def _assign_attribute(self, target: ast.Attribute, value: Value) -> None:
        place = dotted(target)
        if not place:
            self.evaluate(target.value)
            return
        self._forget(place)
        if isinstance(value, Unknown):
            self.names.pop(place, None)
        else:
            self.names[place] = value
        self.store(place)
        head, _, attribute = place.partition(".")
        if head == self.own_name() and "." not in attribute:
            known = self.analysis.attributes.get(attribute)
            joined = value if known is None or known == NONE else join(known, value)
            owner = self._around_self()
            owner[attribute] = joined

    def _around_self(self) -> dict[str, Value]:
        """The attributes of the method whose object is meant, from a function inside of it."""
        analysis = self.analysis
        while analysis.context.closure >= 0 and not self._own:
            analysis = self.program.analyses[analysis.context.closure]
            if analysis.context.number >= 0 and self.index.functions[analysis.context.number].owner >= 0:
                break
        return analysis.attributes

    def _assign_item(self, target: ast.Subscript, value: Value, node: ast.AST | None) -> None:
        of = self.evaluate(target.value)
        index = self.index_value(target.slice)
        place = dotted(target.value)
        if place:
            self.store(self.aliases.get(place, place).removesuffix(KEYED))
        for each in options_of(of):
            if isinstance(each, Tensor):
                self._into_tensor(target, each, index, value, node)
            elif isinstance(each, Group):
                element = value if isinstance(each.element, Unknown) else join(each.element, value)
                self._replace(target.value, Group(each.kind, element))
            elif isinstance(each, Object):
                method = self.program.method(each, "__setitem__")
                if isinstance(method, Func):
                    self.call_function(target, method, Arguments([index, value]), target.lineno)

    def _into_tensor(
        self, target: ast.Subscript, of: Tensor, index: Value, value: Value, node: ast.AST | None
    ) -> None:
        """`tensor[index] = value`."""
        if of.is_host:
            source = as_tensor(value)
            if source is not None and source.memory == "device" and source.is_sure:
                self.downloads(target, source, "Tensor.__setitem__", pinned=of.memory == "pinned")
            return
        parts = (
            index.items
            if isinstance(index, Group) and isinstance(target.slice, ast.Tuple) and index.items is not None
            else (index,)
        )
        source = as_tensor(value)
        masks = [each for each in map(as_tensor, parts) if each is not None and each.is_bool]
        if masks and source is None and is_host_value(value):
            return  # a number under a mask is masked_fill, which the device does alone
        self.indexed(target, of, index, "Tensor.__setitem__")
        if source is not None and source.is_host and source.is_sure and of.memory == "device":
            self.uploads(target, "Tensor.__setitem__", memory=source.memory)
            return
        numbers = [
            each
            for each in parts
            if each == NUMBER or (isinstance(each, Const) and isinstance(each.value, int))
        ]
        is_number = (
            isinstance(value, (Const, Host))
            and value != NONE
            and (isinstance(value, Const) or value.what in ("number", ""))
        )
        if is_number and len(numbers) == len(parts) and parts:
            rank = of.rank
            if rank == len(parts):
                self.uploads(
                    target,
                    "Tensor.__setitem__",
                    note="a number of the host is copied into one element",
                    is_sure=of.is_sure,
                )
            elif rank is None and of.is_sure:
                self.uploads(
                    target, "Tensor.__setitem__", note="a copy if this is one element", is_sure=False
                )
        if isinstance(value, Group) and value.kind == "list" and as_tensor(value.element) is None:
            self.uploads(
                target, "Tensor.__setitem__", is_sure=of.is_sure, note="a list is made a tensor and copied"
            )
        if isinstance(value, Host) and value.what == "numpy":
            self.uploads(target, "Tensor.__setitem__", is_sure=of.is_sure)

    def _unpack(self, target: ast.Tuple | ast.List, value: Value) -> None:
        items = value.items if isinstance(value, Group) and value.keys is None else None
        if (
            items is not None
            and len(items) == len(target.elts)
            and not any(isinstance(each, ast.Starred) for each in target.elts)
        ):
            for each, item in zip(target.elts, items, strict=True):
                self.assign(each, item)
            return
        inner: Value = (
            NUMBER if isinstance(value, Host) and value.what in ("number", "shape") else element_of(value)
        )
        for each in target.elts:
            self.assign(
                each.value if isinstance(each, ast.Starred) else each,
                Group("list", inner) if isinstance(each, ast.Starred) else inner,
            )

    def _annotated(self, node: ast.AnnAssign) -> None:
        said = self.program.annotation(node.annotation, self.file)
        if node.value is None:
            if self.function is None and isinstance(node.target, ast.Name):
                self.names.setdefault(node.target.id, said)
            elif (
                isinstance(node.target, ast.Attribute)
                and dotted(node.target).startswith(f"{self._own}.")
                and self._own
            ):
                self.analysis.attributes.setdefault(node.target.attr, said)
            return
        value = self.evaluate(node.value)
        known = (
            isinstance(value, (Unknown, Method))
            or value == NONE
            or (isinstance(value, Group) and isinstance(value.element, Unknown))
        )
        if known and not isinstance(said, Unknown):
            value = join(said, value) if value == NONE else said
        elif isinstance(said, Tensor) and isinstance(value, Tensor):
            value = Tensor(value.memory, value.is_bool, value.rank)
        self.assign(node.target, value, node.value)

    def _augmented(self, node: ast.AugAssign) -> None:
        before = self.evaluate(node.target)
        value = self.evaluate(node.value)
        if isinstance(node.target, ast.Subscript):
            of = self.memo.get(id(node.target.value), UNKNOWN)
            tensor = as_tensor(of)
            if tensor is not None:
                index = self.index_value(node.target.slice)
                if not isinstance(value, (Const, Host)):
                    self._into_tensor(node.target, tensor, index, value, node.value)
            return
        self.assign(node.target, self._combined(node.op, before, value))

    # branches

    def _if(self, node: ast.If) -> bool:
        # By hand down the `elif`s: there may be a thousand.
        depth = len(self.stack)
        ends: list[dict[str, Value]] = []
        here: ast.If = node
        all_ended = True
        after: list[Guard] = []
        while True:
            self.asked(here.test, self.evaluate(here.test))
            before = dict(self.names)
            aliases = dict(self.aliases)
            guard = self.guard_of(here.test, negated=False)
            with self.under(guard):
                self.narrow(here.test, True)
                ended = self.block(here.body)
            if not ended:
                ends.append(dict(self.names))
                all_ended = False
            else:
                after.append(self.guard_of(here.test, negated=True, kind="return"))
            self._set(before)
            self.aliases = aliases if ended else self.aliases
            otherwise = self.guard_of(here.test, negated=True)
            self.push(otherwise)
            self.narrow(here.test, False)
            only = here.orelse[0] if len(here.orelse) == 1 else None
            if isinstance(only, ast.If):
                here = only
                continue
            ended = self.block(here.orelse) if here.orelse else False
            if not ended:
                ends.append(dict(self.names))
                all_ended = False
            elif not all_ended and len(ends) == 1:
                after.append(self.guard_of(here.test, negated=False, kind="return"))
            break
        del self.stack[depth:]
        self._set(_merged(ends) if ends else self.names)
        if not all_ended:
            for each in after:
                self.push(each)
        return all_ended

    def _set(self, names: dict[str, Value]) -> None:
        if names is not self.names:
            copied = dict(names)
            self.names.clear()
            self.names.update(copied)

    def _for(self, node: ast.For | ast.AsyncFor) -> None:
        element = element_of(self.evaluate(node.iter))
        before = dict(self.names)
        self.assign(node.target, element)
        self.block(node.body)
        self._set(_merged([before, dict(self.names)]))
        self.block(node.orelse)

    def _while(self, node: ast.While) -> None:
        self.asked(node.test, self.evaluate(node.test))
        before = dict(self.names)
        with self.under(self.guard_of(node.test, negated=False, kind="while")):
            self.narrow(node.test, True)
            self.block(node.body)
        self._set(_merged([before, dict(self.names)]))
        self.block(node.orelse)

    def _with(self, node: ast.With | ast.AsyncWith) -> bool:
        memory = self.memory_here
        for item in node.items:
            value = self.evaluate(item.context_expr)
            for each in options_of(value):
                if isinstance(each, Device):
                    self.memory_here = self.memory_of_device(each)
                if isinstance(each, Object):
                    for name in ("__enter__", "__exit__", "__aenter__", "__aexit__"):
                        method = self.program.method(each, name)
                        if isinstance(method, Func):
                            entered = self.call_function(
                                item.context_expr,
                                method,
                                Arguments(is_open=True),
                                item.context_expr.lineno,
                                len(options_of(value)) == 1,
                            )
                            if name == "__enter__":
                                value = entered
            if item.optional_vars is not None:
                inner = (
                    value.element
                    if isinstance(value, Group) and isinstance(item.context_expr, ast.Call)
                    else value
                )
                self.assign(item.optional_vars, inner)
        ended = self._block_here(node.body)
        self.memory_here = memory
        return ended

    def _block_here(self, body: Sequence[ast.stmt]) -> bool:
        """As `block`, but what a return inside guards goes on behind it."""
        return any(self.statement(each) for each in body)

    def _try(self, node: ast.Try | ast.TryStar) -> bool:
        before = dict(self.names)
        ended = self._block_here(node.body)
        ended = ended or self.block(node.orelse)
        ends = [] if ended else [dict(self.names)]
        in_body = frozenset(
            name
            for each in node.body
            for inner in ast.walk(each)
            if ((name := dotted(inner)) and "." in name)
            or (isinstance(inner, ast.Name) and (name := inner.id))
        )
        for handler in node.handlers:
            self._set(before)
            caught = self.text(handler.type) if handler.type is not None else ""
            guard = self.plain_guard("catch", handler, f"except {caught}".strip(), "error")
            if any(word in caught for word in _KEY_ERRORS):
                guard.names, guard.compares = in_body, True
            if handler.name:
                self.names[handler.name] = ExternalObject("builtins.Exception")
            with self.under(guard):
                if not self.block(handler.body):
                    ends.append(dict(self.names))
        if ends:
            self._set(_merged(ends))
        self.block(node.finalbody)
        return not ends

    def _raise(self, node: ast.Raise) -> None:
        with self.under(self.plain_guard("raise", node, "raise", "error")):
            for each in (node.exc, node.cause):
                if each is not None:
                    self.evaluate(each)

    def _assert(self, node: ast.Assert) -> None:
        self.asked(node.test, self.evaluate(node.test))
        self.narrow(node.test, True)
        if node.msg is not None:
            with self.under(self.plain_guard("raise", node, "assertion failed", "error")):
                self.evaluate(node.msg)

    def _match(self, node: ast.Match) -> None:
        subject = self.evaluate(node.subject)
        before = dict(self.names)
        ends = [before]
        for case in node.cases:
            self._set(before)
            for inner in ast.walk(case.pattern):
                name = getattr(inner, "name", None) or getattr(inner, "rest", None)
                if isinstance(name, str):
                    self.names[name] = (
                        subject if isinstance(inner, ast.MatchAs) and inner is case.pattern else UNKNOWN
                    )
            text = f"{self.text(node.subject)} is {self.text(case.pattern)}"
            with self.under(self.plain_guard("case", case.pattern, text, "other")):
                if case.guard is not None:
                    self.asked(case.guard, self.evaluate(case.guard))
                if not self.block(case.body):
                    ends.append(dict(self.names))
        self._set(_merged(ends))


def _merged(ends: Sequence[dict[str, Value]]) -> dict[str, Value]:
    """What names are after one of several branches."""
    if len(ends) == 1:
        return ends[0]
    merged: dict[str, Value] = {}
    for name in dict.fromkeys(name for each in ends for name in each):
        values = [each[name] for each in ends if name in each]
        if len(values) < len(ends) and "." in name:
            # Known of an attribute in one branch only: elsewhere it is what its class says.
            continue
        first = values[0]
        merged[name] = first if all(each is first for each in values) else join(*values)
    return merged


def _source_of(node: ast.AST | None) -> str:
    """The attribute, or the container, that a value was read from."""
    match node:
        case ast.Attribute():
            return dotted(node)
        case ast.Call() if name_of_call(node) == "getattr" and len(node.args) > 1:
            name = constant(node.args[1])
            return f"{dotted(node.args[0])}.{name}" if name else ""
        case ast.Call(func=ast.Attribute(attr="get", value=of)) if dotted(of):
            return f"{dotted(of)}{KEYED}"
        case _:
            return ""
