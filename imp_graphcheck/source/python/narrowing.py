"""What a test says of the names in it."""

import ast
from collections.abc import Callable

from imp_graphcheck.source.python.frame import Frame
from imp_graphcheck.source.python.syntax import dotted
from imp_graphcheck.source.python.values import (
    NONE,
    UNKNOWN,
    ClassRef,
    Group,
    Host,
    Method,
    Object,
    Tensor,
    Unknown,
    Value,
    as_tensor,
    join,
    options_of,
    without_none,
)


class Narrowing(Frame):
    """Names under a test."""

    def narrow(self, test: ast.expr, is_true: bool) -> None:
        """Names under `test` are what it says that they are."""
        match test:
            case ast.UnaryOp(op=ast.Not()):
                self.narrow(test.operand, not is_true)
            case ast.BoolOp() if isinstance(test.op, ast.And) == is_true:
                for each in test.values:
                    self.narrow(each, is_true)
            case ast.Compare(
                ops=[ast.Is() | ast.IsNot() as operator], comparators=[ast.Constant(value=None)]
            ):
                if isinstance(operator, ast.IsNot) == is_true:
                    self._refine(test.left, without_none)
                else:
                    self._refine(test.left, lambda _value: NONE)
            case ast.Name() | ast.Attribute() if is_true:
                self._refine(test, without_none)
            case ast.Call(func=ast.Name(id="isinstance"), args=[subject, asked]):
                self._as_instance(subject, asked, is_true)
            case ast.Call(func=ast.Attribute(attr="is_tensor"), args=[subject]):
                self._refine(
                    subject,
                    (lambda value: as_tensor(value) or Tensor(is_sure=False)) if is_true else _not_tensor,
                )
            case _:
                return

    def _refine(self, node: ast.expr, change: Callable[[Value], Value]) -> None:
        place = dotted(node)
        if not place:
            return
        if place in self.names:
            self.names[place] = change(self.names[place])
        elif "." in place:
            value = self.memo.get(id(node))
            if value is not None and not isinstance(value, (Unknown, Method)):
                self.names[place] = change(value)

    def _as_instance(self, subject: ast.expr, asked: ast.expr, is_true: bool) -> None:
        words = self.text(asked)
        is_tensor = words.rpartition(".")[2] == "Tensor"
        if is_tensor:
            self._refine(subject, (lambda value: _surely(value)) if is_true else _not_tensor)
            return
        if not is_true or isinstance(asked, ast.Tuple):
            return
        cls = self.memo.get(id(asked))
        if isinstance(cls, ClassRef):
            known = self.memo.get(id(subject), UNKNOWN)
            if isinstance(known, Object) and cls.cls in self.index.order(known.cls):
                return
            place = dotted(subject)
            if place and (place in self.names or "." in place):
                self.names[place] = Object(cls.cls, False)
        elif words in ("int", "float", "str", "bool", "list", "tuple", "dict", "np.ndarray", "numpy.ndarray"):
            host: Value = (
                Group("dict" if words == "dict" else "list", UNKNOWN)
                if words in ("list", "tuple", "dict")
                else Host("numpy" if "nd" in words else "number")
            )
            self._refine(subject, lambda value: value if isinstance(value, (Group, Host)) else host)


def _surely(value: Value) -> Value:
    tensor = as_tensor(value)
    if tensor is not None:
        return Tensor(tensor.memory, tensor.is_bool, tensor.rank)
    return Tensor(is_sure=isinstance(value, Unknown))


def _not_tensor(value: Value) -> Value:
    rest = [each for each in options_of(value) if not isinstance(each, Tensor)]
    return join(*rest) if rest else Host("no tensor")
