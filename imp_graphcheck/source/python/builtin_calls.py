"""Functions that are always there: `float(x)`, `print(x)`, `getattr(x, name)`."""

import ast
import re

from imp_graphcheck.source.python.arguments import Arguments
from imp_graphcheck.source.python.attributes import Attributes
from imp_graphcheck.source.python.syntax import constant, dotted
from imp_graphcheck.source.python.values import (
    NONE,
    NUMBER,
    TEXT,
    UNKNOWN,
    ClassRef,
    Const,
    External,
    ExternalObject,
    Func,
    Group,
    GroupKind,
    Host,
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

_MOST_METHODS = 12


class BuiltinCalls(Attributes):
    """Calls of builtin functions and classes."""

    def builtin(self, node: ast.Call, name: str, arguments: Arguments, line: int) -> Value:
        """A function or class that is always there."""
        first = arguments.get(0) or UNKNOWN
        match name:
            case "float" | "int" | "bool" | "complex":
                self._converted(node, first, name)
                return _converted_const(first, name)
            case "round" | "divmod" | "pow" | "abs" | "sum":
                tensor = as_tensor(first)
                if name == "sum":
                    return _summed(element_of(first))
                if name == "round" and tensor is not None:
                    return tensor
                return tensor if tensor is not None else NUMBER
            case "print" | "str" | "repr" | "format" | "ascii":
                for each in node.args:
                    self.shown(each, self.memo.get(id(each), UNKNOWN), f"{name}(Tensor)")
                return TEXT if name != "print" else NONE
            case (
                "len"
                | "id"
                | "hash"
                | "ord"
                | "isinstance"
                | "issubclass"
                | "callable"
                | "dir"
                | "hex"
                | "chr"
            ):
                if name == "isinstance" and len(node.args) == 2:
                    return self._instance(node)
                return NUMBER
            case "range":
                for each in node.args:
                    self.reads_quietly(each, self.memo.get(id(each), UNKNOWN), "Tensor.__index__")
                return Group("list", NUMBER)
            case "hasattr":
                return Host("hasattr")
            case "getattr":
                return self._getattr(node, arguments, line)
            case "setattr":
                self._setattr(node, arguments)
                return NONE
            case "min" | "max":
                given = arguments.positional if len(arguments.positional) > 1 else [element_of(first)]
                tensors = [tensor for value in given if (tensor := as_tensor(value)) is not None]
                if tensors:
                    worst = next((each for each in tensors if not each.is_host), tensors[0])
                    if not worst.is_host:
                        self.reads(node, worst, f"{name}(Tensor)", line=line)
                    return tensors[0]
                self.hands_over(node, arguments, name, line)
                return NUMBER if is_host_value(join(*given)) else UNKNOWN
            case "any" | "all":
                inside = as_tensor(element_of(first))
                if inside is not None and not inside.is_host:
                    self.reads(node, inside, f"{name}(Tensor)", line=line)
                return NUMBER
            case "list" | "tuple" | "set" | "frozenset" | "sorted" | "reversed" | "iter":
                self.hands_over(node, arguments, name, line)
                kind: GroupKind = "tuple" if name == "tuple" else "set" if "set" in name else "list"
                items = first.items if isinstance(first, Group) and name in ("list", "tuple") else None
                return Group(kind, element_of(first), items)
            case "dict":
                values = [*arguments.named.values()]
                return Group(
                    "dict",
                    join(*values) if values else (first.element if isinstance(first, Group) else UNKNOWN),
                )
            case "enumerate":
                return Group("list", Group("tuple", UNKNOWN, (NUMBER, element_of(first))))
            case "zip":
                items = tuple(element_of(each) for each in arguments.positional)
                return Group("list", Group("tuple", join(*items) if items else UNKNOWN, items))
            case "map" | "filter":
                return self._mapped(node, name, arguments, line)
            case "next":
                return element_of(first)
            case "type":
                return ClassRef(first.cls) if isinstance(first, Object) else UNKNOWN
            case "vars" | "globals" | "locals" | "open" | "input":
                return UNKNOWN
            case _:
                return ExternalObject(f"builtins.{name}") if name[:1].isupper() else UNKNOWN

    def _mapped(self, node: ast.Call, name: str, arguments: Arguments, line: int) -> Value:
        function = arguments.get(0) or UNKNOWN
        elements = [element_of(each) for each in arguments.positional[1:]]
        if name == "filter":
            self.hands_over(node, arguments, name, line)
            return Group("list", elements[0] if elements else UNKNOWN)
        found = []
        several = options_of(function)
        for each in several:
            if isinstance(each, Func):
                found.append(self.call_function(node, each, Arguments(elements), line, len(several) == 1))
            elif isinstance(each, External) and each.path in (
                "builtins.int",
                "builtins.float",
                "builtins.bool",
            ):
                inside = as_tensor(elements[0]) if elements else None
                if inside is not None and not inside.is_host:
                    self.reads(node, inside, f"Tensor.__{each.path.rpartition('.')[2]}__", line=line)
                found.append(NUMBER)
        return Group("list", join(*found) if found else UNKNOWN)

    def _converted(self, node: ast.Call, value: Value, name: str) -> None:
        tensor = as_tensor(value)
        if tensor is not None and (tensor.is_sure or not tensor.is_host):
            self.reads(node, tensor, f"Tensor.__{name}__", line=node.func.lineno)

    def _instance(self, node: ast.Call) -> Value:
        value = self.memo.get(id(node.args[0]), UNKNOWN)
        asked = self.text(node.args[1])
        if isinstance(value, Tensor) and value.is_sure and "ensor" not in asked and "(" not in asked:
            return Host("isinstance")
        return Host("isinstance")

    def _getattr(self, node: ast.Call, arguments: Arguments, line: int) -> Value:
        default = arguments.get(2)
        asked = [each for each in options_of(arguments.get(1) or UNKNOWN) if isinstance(each, Const)]
        attributes = [each.value for each in asked if isinstance(each.value, str)]
        of = arguments.get(0) or UNKNOWN
        if not attributes and isinstance(of, Object) and len(node.args) > 1:
            attributes = self._methods_like(of, node.args[1])
        if not attributes:
            return UNKNOWN
        found = join(*(self.attribute_of(node, of, name) for name in attributes))
        if default is None:
            return found
        return found if not isinstance(found, Unknown) and default == NONE else join(found, default)

    def _methods_like(self, of: Object, name: ast.expr) -> list[str]:
        """Methods whose names a text with holes fits: `f"run_{mode}"`, `"run_" + mode`."""
        if isinstance(name, ast.JoinedStr):
            parts = [constant(each) for each in name.values]
        elif isinstance(name, ast.BinOp) and isinstance(name.op, ast.Add):
            parts = [constant(name.left), constant(name.right)]
        else:
            return []
        if not any(parts):
            return []
        like = re.compile("".join(r"\w+" if each is None else re.escape(each) for each in parts))
        found = {each for cls in self.index.order(of.cls) for each in self.index.classes[cls].methods}
        fitting = sorted(each for each in found if like.fullmatch(each))
        return fitting if len(fitting) <= _MOST_METHODS else []

    def _setattr(self, node: ast.Call, arguments: Arguments) -> None:
        name = constant(node.args[1]) if len(node.args) > 1 else None
        if name is None:
            return
        of = dotted(node.args[0])
        value = arguments.get(2) or UNKNOWN
        if of == self.own_name():
            self.analysis.attributes[name] = value
        if of:
            self.names[f"{of}.{name}"] = value
            self.store(f"{of}.{name}")


def _converted_const(value: Value, name: str) -> Value:
    if not isinstance(value, Const) or value.value is None:
        return NUMBER if not (isinstance(value, Host) and value.what == "environment") else value
    try:
        if name == "int" and isinstance(value.value, (str, int, float)):
            return Const(int(value.value), value.why)
        if name == "bool":
            return Const(bool(value.value), value.why)
        if name == "float" and isinstance(value.value, (str, int, float)):
            return Const(float(value.value), value.why)
    except (ValueError, OverflowError):
        return NUMBER
    return NUMBER


def _summed(element: Value) -> Value:
    tensor = as_tensor(element)
    return tensor if tensor is not None else NUMBER if is_host_value(element) else UNKNOWN
