"""What a type annotation says of a value."""

import ast
from typing import Protocol

from imp_graphcheck.source.python.syntax import UnreadableError, parse
from imp_graphcheck.source.python.torch_names import ARRAY_MODULES
from imp_graphcheck.source.python.values import (
    ARRAY,
    NONE,
    NUMBER,
    TEXT,
    UNKNOWN,
    ClassRef,
    Device,
    External,
    ExternalObject,
    Group,
    Host,
    Object,
    Tensor,
    Value,
    join,
)

_GROUPS = {
    "list": "list",
    "List": "list",
    "Sequence": "list",
    "Iterable": "list",
    "Iterator": "list",
    "Generator": "list",
    "Collection": "list",
    "MutableSequence": "list",
    "deque": "list",
    "tuple": "tuple",
    "Tuple": "tuple",
    "set": "set",
    "Set": "set",
    "frozenset": "set",
    "FrozenSet": "set",
    "dict": "dict",
    "Dict": "dict",
    "Mapping": "dict",
    "MutableMapping": "dict",
    "OrderedDict": "dict",
    "defaultdict": "dict",
}
_PLAIN: dict[str, Value] = {
    "int": NUMBER,
    "float": NUMBER,
    "bool": NUMBER,
    "complex": NUMBER,
    "str": TEXT,
    "bytes": TEXT,
    "None": NONE,
}
_TENSORS = frozenset(
    {"Tensor", "FloatTensor", "LongTensor", "BoolTensor", "IntTensor", "HalfTensor", "Parameter"}
)
_DEPTH = 12


class Names(Protocol):
    """What names mean where an annotation stands."""

    def __call__(self, name: str) -> Value:
        """A plain name."""

    def inside(self, outer: Value, name: str) -> Value:
        """`outer.name`."""


def annotated(node: ast.expr | None, lookup: Names, depth: int = 0) -> Value:
    """The value that the annotation `node` describes; `lookup` knows names."""
    if node is None or depth > _DEPTH:
        return UNKNOWN
    match node:
        case ast.Constant(value=None):
            return NONE
        case ast.Constant(value=str() as text):
            try:
                inner = parse(text.strip())
            except UnreadableError:
                return UNKNOWN
            only = inner.body[0] if len(inner.body) == 1 else None
            return annotated(only.value, lookup, depth + 1) if isinstance(only, ast.Expr) else UNKNOWN
        case ast.BinOp(op=ast.BitOr()):
            return join(annotated(node.left, lookup, depth + 1), annotated(node.right, lookup, depth + 1))
        case ast.Subscript():
            return _generic(node, lookup, depth)
        case ast.Name() | ast.Attribute():
            return _named(node, lookup)
        case _:
            return UNKNOWN


def _last(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _generic(node: ast.Subscript, lookup: Names, depth: int) -> Value:
    name = _last(node.value)
    inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    if name in ("Optional", "Union"):
        found = [annotated(each, lookup, depth + 1) for each in inner]
        return join(*found, *([NONE] if name == "Optional" else []))
    if name in ("Annotated", "Final", "ClassVar", "Required", "NotRequired", "Awaitable", "InitVar"):
        return annotated(inner[0], lookup, depth + 1)
    if name == "Literal":
        return Host("literal")
    if name in ("type", "Type"):
        found_class = annotated(inner[0], lookup, depth + 1)
        return ClassRef(found_class.cls) if isinstance(found_class, Object) else UNKNOWN
    kind = _GROUPS.get(name)
    if kind is None:
        return _named(node.value, lookup)
    if kind == "dict":
        return Group("dict", annotated(inner[-1], lookup, depth + 1))
    if kind == "tuple":
        parts = [annotated(each, lookup, depth + 1) for each in inner if not _is_ellipsis(each)]
        return Group("tuple", join(*parts), None if len(parts) != len(inner) else tuple(parts))
    return Group("set" if kind == "set" else "list", annotated(inner[0], lookup, depth + 1))


def _is_ellipsis(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is ...


def _named(node: ast.expr, lookup: Names) -> Value:
    name = _last(node)
    if isinstance(node, ast.Name) and name in _PLAIN:
        return _PLAIN[name]
    if name in _TENSORS:
        return Tensor("device" if name == "Parameter" else None)
    if name in _GROUPS and isinstance(node, ast.Name):
        kind = _GROUPS[name]
        return Group("dict" if kind == "dict" else "tuple" if kind == "tuple" else "list", UNKNOWN)
    return instance_of(_resolved(node, lookup))


def _resolved(node: ast.expr, lookup: Names) -> Value:
    """The class that a dotted name means."""
    if isinstance(node, ast.Name):
        return lookup(node.id)
    if isinstance(node, ast.Attribute):
        outer = _resolved(node.value, lookup)
        if isinstance(outer, External):
            return External(f"{outer.path}.{node.attr}")
        return lookup.inside(outer, node.attr)
    return UNKNOWN


def instance_of(cls: Value) -> Value:
    """An object of the class `cls`, or of one below it."""
    match cls:
        case ClassRef():
            return Object(cls.cls, False)
        case External(path=path):
            if path in ("torch.Tensor", "torch.nn.Parameter", "torch.nn.parameter.Parameter"):
                return Tensor()
            if path in ("torch.device", "torch.types.Device", "torch._C.device"):
                return Device()
            if path in ("torch.dtype", "torch.Size", "torch.memory_format", "torch.layout"):
                return Host("dtype")
            if path.startswith(ARRAY_MODULES):
                return ARRAY
            if path.startswith(("typing.", "typing_extensions.", "collections.abc.Callable", "types.")):
                return UNKNOWN
            if path.startswith("builtins."):
                return UNKNOWN
            return ExternalObject(path)
        case _:
            return UNKNOWN
