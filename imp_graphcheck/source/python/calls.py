"""Calls: whom they reach, and what they give back."""

import ast

from imp_graphcheck.source.python.arguments import Arguments
from imp_graphcheck.source.python.guards import OTHER_PLATFORM, THIS_PLATFORM
from imp_graphcheck.source.python.method_calls import MethodCalls
from imp_graphcheck.source.python.syntax import dotted, line_of_call, name_of_call
from imp_graphcheck.source.python.values import (
    NONE,
    UNKNOWN,
    ClassRef,
    Const,
    External,
    ExternalObject,
    Func,
    Group,
    Method,
    Object,
    Super,
    Tensor,
    Unknown,
    Value,
    join,
    options_of,
)

_MOST_VALUES = 3
"""Of how many functions that a call may mean somebody asks what they return."""


class Calls(MethodCalls):
    """Calls of whatever a value may be."""

    def call(self, node: ast.Call) -> Value:
        """The value of a call; where it leads is noted."""
        if isinstance(node.func, ast.Name) and node.func.id == "super" and "super" not in self.names:
            return self._super(node)
        is_wanted, self.is_wanted = self.is_wanted, True
        callee = self.evaluate(node.func)
        arguments = self._arguments(node)
        self.is_wanted = is_wanted and len(options_of(callee)) <= _MOST_VALUES
        callable_options = [each for each in options_of(callee) if each != NONE]
        if len(callable_options) > 1:
            is_certain = False
            why = f"{self.text(node.func)}() may be one of several"
        else:
            is_certain, why = True, ""
        found = [self._one_call(node, each, arguments, is_certain, why) for each in callable_options]
        self.is_wanted = True
        return join(*found) if found else UNKNOWN

    def _arguments(self, node: ast.Call) -> Arguments:
        arguments = Arguments()
        for each in node.args:
            if isinstance(each, ast.Starred):
                inner = self.evaluate(each.value)
                if isinstance(inner, Group) and inner.items is not None:
                    arguments.positional.extend(inner.items)
                else:
                    arguments.is_open = True
                continue
            value = self.evaluate(each)
            if not arguments.is_open:
                arguments.positional.append(value)
        for keyword in node.keywords:
            value = self.evaluate(keyword.value)
            if keyword.arg is None:
                arguments.is_open = True
            else:
                arguments.named[keyword.arg] = value
        return arguments

    def _super(self, node: ast.Call) -> Value:
        function = self.function
        if function is None:
            return UNKNOWN
        owner = self.index.owner(self.analysis.context.number)
        if len(node.args) == 2:
            named = self.index.class_named(dotted(node.args[0]), self.file)
            owner = named if named is not None else owner
        bound = self._own_object()
        if owner < 0:
            return UNKNOWN
        if isinstance(bound, Object):
            return Super(bound.cls, owner, bound.is_exact)
        return Super(owner, owner, False)

    def _own_object(self) -> Value | None:
        context = self.analysis.context
        while context.bound is None and context.closure >= 0:
            context = self.program.analyses[context.closure].context
        return context.bound

    def _one_call(
        self, node: ast.Call, callee: Value, arguments: Arguments, is_certain: bool, why: str
    ) -> Value:
        line = line_of_call(node)
        match callee:
            case Func():
                return self.call_function(node, callee, arguments, line, is_certain, why)
            case ClassRef():
                return self.construct(node, callee, arguments, line, is_certain, why)
            case Object():
                return self._call_object(node, callee, arguments, line, is_certain, why)
            case ExternalObject():
                return self._call_library_object(node, callee, arguments, line)
            case External():
                return self.call_external(node, callee.path, arguments, line)
            case Method():
                return self.call_method(node, callee, arguments, line)
            case Unknown():
                return self._call_unknown(node, arguments, line)
            case _:
                return UNKNOWN

    def _call_object(
        self, node: ast.Call, of: Object, arguments: Arguments, line: int, is_certain: bool, why: str
    ) -> Value:
        targets: list[Value] = []
        own = self.program.methods.of(of, "__call__")
        if not isinstance(own, Unknown):
            targets.append(own)
        if isinstance(own, Unknown) or self.index.is_module(of.cls):
            forward = self.program.methods.of(of, "forward")
            may_be_module = self.index.is_module(of.cls) or any(self.index.external_bases(of.cls))
            if not isinstance(forward, Unknown) and may_be_module:
                targets.append(forward)
        values = []
        for target in targets:
            several = options_of(target)
            certain = is_certain and len(several) == 1
            for each in several:
                if isinstance(each, Func):
                    reason = why or ("" if certain else f"{self.text(node.func)}() may be of a class below")
                    values.append(self.call_function(node, each, arguments, line, certain, reason))
        if values:
            return join(*values)
        if self.index.is_module(of.cls):
            return self._through_containers(node, of, arguments, line)
        self.unknown_call(node.func, line)
        return UNKNOWN

    def _through_containers(self, node: ast.Call, of: Object, arguments: Arguments, line: int) -> Value:
        """A module without a forward of its own: one of torch, nn.Sequential or another."""
        bases = list(self.index.external_bases(of.cls))
        if any(base.endswith("Sequential") for base in bases):
            self.unknown_call(node.func, line)
        return Tensor()

    def _call_library_object(
        self, node: ast.Call, of: ExternalObject, arguments: Arguments, line: int
    ) -> Value:
        if of.path == "torch.nn.Sequential":
            value: Value = arguments.get(0) or UNKNOWN
            for part in of.parts:
                for each in options_of(part):
                    if isinstance(each, (Object, ExternalObject)):
                        value = self._one_call(node, each, Arguments([value]), len(options_of(part)) == 1, "")
            return value
        if of.path == "torch.nn.Module":
            self.unknown_call(node.func, line)
            return UNKNOWN
        if of.path.startswith("torch.nn."):
            given = self.given_tensors(arguments)
            memory = "device" if not given else given[0].memory
            return Tensor(memory, False)
        return UNKNOWN

    def _call_unknown(self, node: ast.Call, arguments: Arguments, line: int) -> Value:
        name = name_of_call(node)
        if OTHER_PLATFORM.match(name):
            return Const(False, "other platform")
        if THIS_PLATFORM.match(name):
            return Const(True, "other platform")
        if isinstance(node.func, ast.Attribute):
            return UNKNOWN
        if isinstance(node.func, ast.Subscript):
            return UNKNOWN
        self.hands_over(node, arguments, name, line)
        if (
            name not in self.names
            or not isinstance(node.func, ast.Name)
            or not any(name == given for given, _ in self.analysis.context.given)
        ):
            self.unknown_call(node.func, line)
        return UNKNOWN
