"""`x.name`: of tensors, objects, classes, modules, and of what nobody knows."""

import ast
from collections.abc import Callable

from imp_graphcheck.source.python import torch_names as names
from imp_graphcheck.source.python.arguments import Arguments
from imp_graphcheck.source.python.function_calls import FunctionCalls
from imp_graphcheck.source.python.guards import OTHER_PLATFORM, THIS_PLATFORM
from imp_graphcheck.source.python.syntax import dotted
from imp_graphcheck.source.python.values import (
    NONE,
    NUMBER,
    UNKNOWN,
    ClassRef,
    Const,
    Device,
    External,
    ExternalObject,
    Func,
    Group,
    Host,
    Method,
    ModuleRef,
    Object,
    Super,
    Tensor,
    Unknown,
    Value,
    join,
    options_of,
)


class Attributes(FunctionCalls):
    """Evaluation of attributes."""

    def _attribute(self, node: ast.Attribute) -> Value:
        place = dotted(node)
        if place and place in self.names:
            # Evaluated for its calls and not for its value: that is known.
            return self.named(node.attr, self.names[place])
        of = self.evaluate(node.value)
        return self.named(node.attr, self.attribute_of(node, of, node.attr))

    def attribute_of(self, node: ast.expr, of: Value, name: str) -> Value:
        """`of.name`."""
        found = [self._one_attribute(node, each, name) for each in options_of(of) if each != NONE]
        value = join(*found) if found else UNKNOWN
        if isinstance(value, Unknown):
            return self._attribute_by_name(of, name)
        return value

    def _attribute_by_name(self, of: Value, name: str) -> Value:
        if OTHER_PLATFORM.match(name) or THIS_PLATFORM.match(name):
            return Const(bool(THIS_PLATFORM.match(name)), "other platform")
        if name == "device":
            return Device(None)
        if name in ("shape", "dtype", "ndim"):
            return Host(name)
        return Method(of, name) if not isinstance(of, (ModuleRef, ClassRef)) else UNKNOWN

    def _one_attribute(self, node: ast.expr, of: Value, name: str) -> Value:
        match of:
            case Tensor():
                return self._of_tensor(of, name)
            case Object():
                return self._of_object(node, of, name)
            case ClassRef():
                return self._of_class(of, name)
            case Super():
                value = self.program.methods.after(of, name)
                return value if not isinstance(value, Unknown) else Method(of, name)
            case ModuleRef() | External():
                return self._of_module(of, name)
            case Device():
                return Host("device type") if name == "type" else Host()
            case Host(what="numpy"):
                return Method(of, name) if name not in ("shape", "dtype", "size", "ndim") else NUMBER
            case Host() | Const() | Group() | ExternalObject() | Method():
                return Method(of, name)
            case Func():
                return of if name == "__wrapped__" else Method(of, name)
            case _:
                return UNKNOWN

    def _of_tensor(self, of: Tensor, name: str) -> Value:
        if name == "device":
            return Device("host" if of.is_host else of.memory)
        if name == "is_cuda":
            return NUMBER if of.is_host else Const(True, "other platform")
        if name in ("is_cpu", "is_mps", "is_xpu"):
            return NUMBER if of.is_host else Const(False, "other platform")
        if name in names.HOST_ATTRIBUTES:
            return Host("dtype" if name == "dtype" else "number")
        if name in names.TENSOR_ATTRIBUTES:
            return of
        return Method(of, name)

    def _of_object(self, node: ast.expr, of: Object, name: str) -> Value:
        value = self.program.attribute(of, name)
        found = []
        several = options_of(value)
        for each in several:
            if isinstance(each, Func):
                decorators = [
                    word.rpartition(".")[2] for word in self.index.functions[each.number].decorators
                ]
                if "property" in decorators or any(
                    word.endswith("cached_property") or word == "lazy_property" for word in decorators
                ):
                    line = node.end_lineno or node.lineno
                    each = self.call_function(node, each, Arguments(), line, len(several) == 1)
                elif "classmethod" in decorators:
                    each = Func(each.number, ClassRef(of.cls))
            found.append(each)
        return join(*found)

    def _of_class(self, of: ClassRef, name: str) -> Value:
        number = self.index.method(of.cls, name)
        if number is not None:
            decorators = [word.rpartition(".")[2] for word in self.index.functions[number].decorators]
            return Func(number, of if "classmethod" in decorators else None)
        if name == "apply" and any(
            base.endswith("autograd.Function") or base == "Function"
            for base in self.index.external_bases(of.cls)
        ):
            forward = self.index.method(of.cls, "forward")
            if forward is not None:
                return Func(forward, None, given=(UNKNOWN,))
        for cls in self.index.order(of.cls):
            if name in self.index.classes[cls].assigned:
                return self.program.class_values(cls).variables.get(name, UNKNOWN)
        if any(
            base.rpartition(".")[2] in ("Enum", "IntEnum", "StrEnum", "IntFlag", "Flag")
            for base in self.index.external_bases(of.cls)
        ):
            return Host("enum")
        return UNKNOWN

    def _of_module(self, of: ModuleRef | External, name: str) -> Value:
        if isinstance(of, External):
            match of.path, name:
                case ("os", "environ"):
                    return Host("environ")
                case ("torch.version", "hip" | "rocm" | "xpu"):
                    return Const(None, "other platform")
                case ("torch.version", "cuda"):
                    return Const("cuda", "other platform")
                case ("typing" | "typing_extensions", "TYPE_CHECKING"):
                    return Const(False)
                case ("math", "inf" | "pi" | "nan") | ("sys", _):
                    return Host() if name != "modules" else UNKNOWN
            if of.path == "torch" and name in (
                "float16",
                "float32",
                "bfloat16",
                "int32",
                "int64",
                "bool",
                "long",
                "half",
                "uint8",
                "int8",
                "float",
                "int",
                "double",
                "float64",
            ):
                return Host("dtype")
        return self.program.globals.inside(of, name, self.file)


ATTRIBUTES: dict[type[ast.expr], Callable[..., Value]] = {
    ast.Attribute: Attributes._attribute,
}
"""Who evaluates a node of which type."""
