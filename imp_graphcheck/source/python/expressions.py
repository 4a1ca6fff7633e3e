"""Expressions: what they may be, and what evaluating them does."""

import ast
from collections.abc import Callable

from imp_graphcheck.source.python import torch_names as names
from imp_graphcheck.source.python.copies import memory_by_name
from imp_graphcheck.source.python.frame import Arguments
from imp_graphcheck.source.python.guards import OTHER_PLATFORM, THIS_PLATFORM
from imp_graphcheck.source.python.subscripts import Subscripts
from imp_graphcheck.source.python.syntax import dotted
from imp_graphcheck.source.python.values import (
    NONE,
    NUMBER,
    TEXT,
    UNKNOWN,
    ClassRef,
    Const,
    Device,
    External,
    ExternalObject,
    Func,
    Group,
    GroupKind,
    Host,
    Method,
    ModuleRef,
    Object,
    Options,
    Super,
    Tensor,
    Unknown,
    Value,
    as_tensor,
    element_of,
    is_host_value,
    join,
    options_of,
    together,
    without_none,
)

_MOST_ITEMS = 24
_PLAIN_KEYS = (str, int, bool, type(None))


class Expressions(Subscripts):
    """Evaluation, node by node."""

    def evaluate(self, node: ast.expr) -> Value:
        handler = _HANDLERS.get(type(node))
        value = handler(self, node) if handler is not None else UNKNOWN
        self.memo[id(node)] = value
        return value

    # names and attributes

    def _constant(self, node: ast.Constant) -> Value:
        if isinstance(node.value, _PLAIN_KEYS):
            return Const(node.value)
        return NUMBER

    def _name(self, node: ast.Name) -> Value:
        value = self.lookup(node.id)
        if isinstance(value, Unknown) and (OTHER_PLATFORM.match(node.id) or THIS_PLATFORM.match(node.id)):
            return Const(bool(THIS_PLATFORM.match(node.id)), "other platform")
        if node.id in self.surely_tensors:
            value = _if_unknown(value)
        return self._named(node.id, value)

    def _named(self, name: str, value: Value) -> Value:
        """`value` with what its name says of where it lives."""
        if isinstance(value, Tensor) and value.memory is None:
            memory = memory_by_name(name)
            if memory is not None:
                return Tensor(memory, value.is_bool, value.rank, value.is_sure)
        return value

    def _attribute(self, node: ast.Attribute) -> Value:
        place = dotted(node)
        if place and place in self.names:
            # Evaluated for its calls and not for its value: that is known.
            return self._named(node.attr, self.names[place])
        of = self.evaluate(node.value)
        return self._named(node.attr, self.attribute_of(node, of, node.attr))

    def attribute_of(self, node: ast.expr, of: Value, name: str) -> Value:
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
                value = self.program.after(of, name)
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
        return self.program.in_module(of, name, self.file)

    # operators

    def _binary(self, node: ast.BinOp) -> Value:
        # By hand to the left: `a + b + c + ...` is as deep as it is long.
        chain = [node]
        left: ast.expr = node.left
        while isinstance(left, ast.BinOp):
            chain.append(left)
            left = left.left
        value = self.evaluate(left)
        for each in reversed(chain):
            right = self.evaluate(each.right)
            if isinstance(each.op, ast.Mod) and (value == TEXT or isinstance(value, Const)):
                self._shown_in(each.right, right)
                value = TEXT
            else:
                value = self._combined(each.op, value, right)
            self.memo[id(each)] = value
        return value

    def _shown_in(self, node: ast.expr, value: Value) -> None:
        """`text % value`."""
        if isinstance(node, ast.Tuple):
            for each in node.elts:
                self.shown(each, self.memo.get(id(each), UNKNOWN), "Tensor.__format__")
        else:
            self.shown(node, value, "Tensor.__format__")

    def _combined(self, operator: ast.operator, one: Value, other: Value) -> Value:
        left, right = as_tensor(one), as_tensor(other)
        if left is not None or right is not None:
            given = [each for each in (left, right) if each is not None]
            memory = together(*given)
            both = all(each.is_bool for each in given) and isinstance(
                operator, (ast.BitAnd, ast.BitOr, ast.BitXor)
            )
            return Tensor(
                memory,
                True if both else None if isinstance(operator, (ast.BitAnd, ast.BitOr)) else False,
                None,
                any(each.is_sure for each in given),
            )
        if isinstance(one, Group) and isinstance(operator, ast.Add):
            return Group(one.kind, join(one.element, element_of(other)))
        if isinstance(one, Group) and isinstance(operator, ast.Mult):
            return Group(one.kind, one.element)
        if is_host_value(one) and is_host_value(other):
            return one if isinstance(one, Host) and one.what == "numpy" else NUMBER
        return UNKNOWN

    def _boolean(self, node: ast.BoolOp) -> Value:
        found = []
        pushed = 0
        for number, each in enumerate(node.values):
            value = self.evaluate(each)
            is_last = number == len(node.values) - 1
            if not is_last:
                self.asked(each, value)
                negated = isinstance(node.op, ast.Or)
                self.push(self.guard_of(each, negated=negated))
                pushed += 1
                found.append(without_none(value) if negated else value)
            else:
                found.append(value)
        del self.stack[len(self.stack) - pushed :]
        if isinstance(node.op, ast.And):
            known = [each for each in found if isinstance(each, Const) and not each.value]
            if known:
                return known[0]
            return found[-1] if as_tensor(found[-1]) is None else join(*found[-1:])
        return join(*found)

    def asked(self, node: ast.expr, value: Value) -> None:
        """`value` is asked whether it is true."""
        tensor = as_tensor(value)
        if tensor is None or tensor.is_host:
            return
        if not tensor.is_sure and not isinstance(node, (ast.Compare, ast.Call, ast.UnaryOp)):
            return
        if (
            isinstance(value, Options)
            and NONE in value.options
            and isinstance(node, (ast.Name, ast.Attribute))
            and not tensor.is_sure
        ):
            return
        self.reads(
            node, tensor, "Tensor.__bool__", note="" if tensor.is_sure else "that it is a tensor is not known"
        )

    def _unary(self, node: ast.UnaryOp) -> Value:
        value = self.evaluate(node.operand)
        if isinstance(node.op, ast.Not):
            self.asked(node.operand, value)
            if isinstance(value, Const):
                return Const(not value.value, value.why)
            return Host("environment") if value == Host("environment") else NUMBER
        tensor = as_tensor(value)
        if tensor is not None:
            return tensor
        if isinstance(value, Const) and isinstance(value.value, int) and isinstance(node.op, ast.USub):
            return Const(-value.value, value.why)
        return NUMBER if is_host_value(value) else UNKNOWN

    def _compare(self, node: ast.Compare) -> Value:
        left = self.evaluate(node.left)
        result: Value = NUMBER
        for operator, right_node in zip(node.ops, node.comparators, strict=True):
            right = self.evaluate(right_node)
            result = self._compared(node, operator, left, right, right_node)
            if len(node.ops) > 1 and isinstance(result, Tensor) and right_node is not node.comparators[-1]:
                # `a < t < b` asks whether the first half is true.
                self.asked(node, result)
            left = right
        return result

    def _compared(
        self, node: ast.Compare, operator: ast.cmpop, left: Value, right: Value, right_node: ast.expr
    ) -> Value:
        one, other = as_tensor(left), as_tensor(right)
        if isinstance(operator, (ast.Is, ast.IsNot)):
            if right == NONE and isinstance(left, Const):
                return Const((left.value is None) == isinstance(operator, ast.Is), left.why)
            if right == NONE and not isinstance(left, (Options, Unknown, Host, Method)):
                return (
                    Const(isinstance(operator, ast.IsNot))
                    if isinstance(left, (Object, Func, Group))
                    else NUMBER
                )
            return NUMBER
        if isinstance(operator, (ast.In, ast.NotIn)):
            return self._contained(node, operator, left, right, other)
        if one is not None or other is not None:
            given = [each for each in (one, other) if each is not None]
            if any(
                (isinstance(each, Const) and isinstance(each.value, str)) or each == TEXT
                for each in (left, right)
            ):
                return NUMBER
            memory = together(*given)
            return Tensor(memory, True, None, any(each.is_sure for each in given))
        for this, that in ((left, right), (right, left)):
            if isinstance(this, Host) and this.what == "device type" and isinstance(that, Const):
                return Const((that.value == "cuda") == isinstance(operator, ast.Eq), "other platform")
            if this == Host("environment"):
                return this
        if isinstance(left, Device) and left.memory is not None and isinstance(right, (Const, Device)):
            return NUMBER
        if (
            isinstance(left, Const)
            and isinstance(right, Const)
            and (left.why or right.why)
            and isinstance(operator, (ast.Eq, ast.NotEq))
        ):
            return Const((left.value == right.value) == isinstance(operator, ast.Eq), left.why or right.why)
        if (
            isinstance(left, Const)
            and isinstance(right, Const)
            and left.why
            and isinstance(left.value, int)
            and isinstance(right.value, int)
        ):
            compared = {
                ast.Gt: left.value > right.value,
                ast.Lt: left.value < right.value,
                ast.GtE: left.value >= right.value,
                ast.LtE: left.value <= right.value,
            }
            return Const(compared.get(type(operator), False), left.why)
        return NUMBER

    def _contained(
        self, node: ast.Compare, operator: ast.cmpop, left: Value, right: Value, other: Tensor | None
    ) -> Value:
        if other is not None and other.is_sure and not other.is_host:
            self.reads(node, other, "Tensor.__contains__")
            return NUMBER
        if right == Host("environ"):
            return Const(isinstance(operator, ast.NotIn), "environment")
        if isinstance(left, Const) and left.why and isinstance(right, Group) and right.items is not None:
            known = [each.value for each in right.items if isinstance(each, Const)]
            if len(known) == len(right.items):
                return Const((left.value in known) == isinstance(operator, ast.In), left.why)
        if (
            isinstance(left, Host)
            and left.what == "device type"
            and isinstance(right, Group)
            and right.items is not None
        ):
            known = [each.value for each in right.items if isinstance(each, Const)]
            return Const(("cuda" in known) == isinstance(operator, ast.In), "other platform")
        return left if left == Host("environment") else NUMBER

    def _choice(self, node: ast.IfExp) -> Value:
        test = self.evaluate(node.test)
        self.asked(node.test, test)
        before = dict(self.names)
        with self.under(self.guard_of(node.test, negated=False)):
            self.narrow(node.test, True)
            one = self.evaluate(node.body)
        self.names.clear()
        self.names.update(before)
        with self.under(self.guard_of(node.test, negated=True)):
            self.narrow(node.test, False)
            other = self.evaluate(node.orelse)
        self.names.clear()
        self.names.update(before)
        if isinstance(test, Const) and test.why in ("other platform", "not capturing"):
            return one if test.value else other
        return join(one, other)

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

    # displays

    def _list(self, node: ast.List | ast.Tuple | ast.Set) -> Value:
        values: list[Value] = []
        is_whole = len(node.elts) <= _MOST_ITEMS
        for each in node.elts:
            if isinstance(each, ast.Starred):
                inner = self.evaluate(each.value)
                if isinstance(inner, Group) and inner.items is not None:
                    values.extend(inner.items)
                else:
                    is_whole = False
                    values.append(element_of(inner))
            else:
                values.append(self.evaluate(each))
        kind: GroupKind = (
            "tuple" if isinstance(node, ast.Tuple) else "set" if isinstance(node, ast.Set) else "list"
        )
        return Group(kind, join(*values) if values else UNKNOWN, tuple(values) if is_whole else None)

    def _dict(self, node: ast.Dict) -> Value:
        keys: list[object] = []
        values: list[Value] = []
        is_whole = len(node.keys) <= _MOST_ITEMS
        for key, value_node in zip(node.keys, node.values, strict=True):
            if key is None:
                inner = self.evaluate(value_node)
                is_whole = False
                values.append(inner.element if isinstance(inner, Group) else UNKNOWN)
                continue
            known = self.evaluate(key)
            if isinstance(known, Const) and isinstance(known.value, _PLAIN_KEYS):
                keys.append(known.value)
            else:
                is_whole = False
            values.append(self.evaluate(value_node))
        element = join(*values) if values else UNKNOWN
        if is_whole and values:
            return Group("dict", element, tuple(values), tuple(keys))
        return Group("dict", element)

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> Value:
        before = dict(self.names)
        pushed = 0
        for generator in node.generators:
            self.assign(generator.target, element_of(self.evaluate(generator.iter)))
            for test in generator.ifs:
                self.asked(test, self.evaluate(test))
                self.push(self.guard_of(test, negated=False))
                self.narrow(test, True)
                pushed += 1
        if isinstance(node, ast.DictComp):
            self.evaluate(node.key)
            value: Value = Group("dict", self.evaluate(node.value))
        else:
            kind: GroupKind = "set" if isinstance(node, ast.SetComp) else "list"
            value = Group(kind, self.evaluate(node.elt))
        del self.stack[len(self.stack) - pushed :]
        self.names.clear()
        self.names.update(before)
        return value

    def assign(self, target: ast.expr, value: Value, node: ast.AST | None = None) -> None:
        """`target = value`."""
        raise NotImplementedError

    # the rest

    def _joined(self, node: ast.JoinedStr) -> Value:
        for each in node.values:
            if isinstance(each, ast.FormattedValue):
                self.evaluate(each)
        return TEXT

    def _formatted(self, node: ast.FormattedValue) -> Value:
        value = self.evaluate(node.value)
        self.shown(node.value, value, "Tensor.__format__")
        return TEXT

    def _lambda(self, node: ast.Lambda) -> Value:
        number = self.index.by_place.get((self.file, node.lineno, node.col_offset))
        if number is None:
            return UNKNOWN
        self.program.sources.keep_lambda(self.file, node)
        return Func(number, None, self.analysis.id)

    def _awaited(self, node: ast.Await) -> Value:
        return self.evaluate(node.value)

    def _yielded(self, node: ast.Yield) -> Value:
        if node.value is not None:
            self.gives(Group("list", self.evaluate(node.value)))
        return UNKNOWN

    def _yielded_from(self, node: ast.YieldFrom) -> Value:
        self.gives(Group("list", element_of(self.evaluate(node.value))))
        return UNKNOWN

    def gives(self, value: Value) -> None:
        """The function gives `value` back."""
        raise NotImplementedError

    def _walrus(self, node: ast.NamedExpr) -> Value:
        value = self.evaluate(node.value)
        self.assign(node.target, value, node.value)
        return value

    def _starred(self, node: ast.Starred) -> Value:
        self.evaluate(node.value)
        return UNKNOWN

    def _call(self, node: ast.Call) -> Value:
        return self.call(node)


def _if_unknown(value: Value) -> Value:
    """`value`, a tensor where nobody knows what it is."""
    if isinstance(value, (Unknown, Method)):
        return Tensor()
    if isinstance(value, Options) and any(isinstance(each, Unknown) for each in value.options):
        rest = [each for each in value.options if not isinstance(each, (Unknown, Method))]
        tensor = as_tensor(join(*rest)) if rest else None
        return tensor if tensor is not None else value
    if isinstance(value, Tensor) and not value.is_sure:
        return Tensor(value.memory, value.is_bool, value.rank)
    return value


def _surely(value: Value) -> Value:
    tensor = as_tensor(value)
    if tensor is not None:
        return Tensor(tensor.memory, tensor.is_bool, tensor.rank)
    return Tensor(is_sure=isinstance(value, Unknown))


def _not_tensor(value: Value) -> Value:
    rest = [each for each in options_of(value) if not isinstance(each, Tensor)]
    return join(*rest) if rest else Host("no tensor")


_HANDLERS: dict[type[ast.expr], Callable[..., Value]] = {
    ast.Constant: Expressions._constant,
    ast.Name: Expressions._name,
    ast.Attribute: Expressions._attribute,
    ast.Call: Expressions._call,
    ast.BinOp: Expressions._binary,
    ast.BoolOp: Expressions._boolean,
    ast.UnaryOp: Expressions._unary,
    ast.Compare: Expressions._compare,
    ast.IfExp: Expressions._choice,
    ast.Subscript: Expressions.subscript,
    ast.List: Expressions._list,
    ast.Tuple: Expressions._list,
    ast.Set: Expressions._list,
    ast.Dict: Expressions._dict,
    ast.ListComp: Expressions._comprehension,
    ast.SetComp: Expressions._comprehension,
    ast.GeneratorExp: Expressions._comprehension,
    ast.DictComp: Expressions._comprehension,
    ast.JoinedStr: Expressions._joined,
    ast.FormattedValue: Expressions._formatted,
    ast.Lambda: Expressions._lambda,
    ast.Await: Expressions._awaited,
    ast.Yield: Expressions._yielded,
    ast.YieldFrom: Expressions._yielded_from,
    ast.NamedExpr: Expressions._walrus,
    ast.Starred: Expressions._starred,
}
