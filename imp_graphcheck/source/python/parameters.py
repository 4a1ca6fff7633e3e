"""Parameters: what they are, by the call, by their annotations, and by how the body uses them."""

import ast

from imp_graphcheck.source.python.copies import Copies
from imp_graphcheck.source.python.syntax import Definition
from imp_graphcheck.source.python.values import (
    NONE,
    NUMBER,
    TEXT,
    UNKNOWN,
    ClassRef,
    Device,
    Group,
    Host,
    Method,
    Object,
    Tensor,
    Unknown,
    Value,
    as_tensor,
)


class Parameters(Copies):
    """The parameters of one reading."""

    def parameters(self, node: Definition) -> None:
        """Give the parameters of `node` their names and values, the own object among them."""
        context = self.analysis.context
        given = dict(context.given)
        arguments = [*node.args.posonlyargs, *node.args.args]
        function = self.function
        is_method = function is not None and function.owner >= 0
        is_static = function is not None and any(
            each.endswith("staticmethod") for each in function.decorators
        )
        if is_method and not is_static and arguments:
            self.own = arguments[0].arg
            bound = context.bound
            if bound is None:
                owner = self.index.owner(context.number)
                is_class = function is not None and any(
                    each.endswith("classmethod") for each in function.decorators
                )
                bound = given.get(self.own) or (ClassRef(owner) if is_class else Object(owner, False))
            self.names[self.own] = bound
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
            said = self.program.globals.annotation(argument.annotation, self.file)
            self.names[name] = self.named(
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
