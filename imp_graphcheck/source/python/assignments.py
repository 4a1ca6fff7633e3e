"""Assignments: what names, attributes and items are afterwards, and the copies into tensors that they make."""

import ast

from imp_graphcheck.source.python.arguments import Arguments
from imp_graphcheck.source.python.containers import Containers
from imp_graphcheck.source.python.guards import KEYED
from imp_graphcheck.source.python.operators import Operators
from imp_graphcheck.source.python.subscripts import Subscripts
from imp_graphcheck.source.python.syntax import constant, dotted, name_of_call
from imp_graphcheck.source.python.values import (
    NONE,
    NUMBER,
    UNKNOWN,
    Const,
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


class Assignments(Containers, Operators, Subscripts):
    """Targets of assignments."""

    def assign(self, target: ast.expr, value: Value, node: ast.AST | None = None) -> None:
        """`target = value`; `node` is the expression that it came from."""
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
        while analysis.context.closure >= 0 and not self.own:
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
                self.replace(target.value, Group(each.kind, element))
            elif isinstance(each, Object):
                method = self.program.methods.of(each, "__setitem__")
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

    def annotated(self, node: ast.AnnAssign) -> None:
        """`target: annotation = value`, or without a value."""
        said = self.program.globals.annotation(node.annotation, self.file)
        if node.value is None:
            if self.function is None and isinstance(node.target, ast.Name):
                self.names.setdefault(node.target.id, said)
            elif (
                isinstance(node.target, ast.Attribute)
                and dotted(node.target).startswith(f"{self.own}.")
                and self.own
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

    def augmented(self, node: ast.AugAssign) -> None:
        """`target += value`."""
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
        self.assign(node.target, self.combined(node.op, before, value))


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
