"""`x[...]`: items of containers, masks and lists as indices, bounds that are tensors, kernels before their launch."""

import ast

from imp_graphcheck.source.python.arguments import Arguments
from imp_graphcheck.source.python.containers import item_of
from imp_graphcheck.source.python.function_calls import FunctionCalls
from imp_graphcheck.source.python.values import (
    NONE,
    NUMBER,
    UNKNOWN,
    ClassRef,
    Const,
    ExternalObject,
    Func,
    Group,
    Host,
    Object,
    Tensor,
    Value,
    as_tensor,
    is_host_value,
    join,
    options_of,
)


class Subscripts(FunctionCalls):
    """Evaluation of subscripts."""

    def subscript(self, node: ast.Subscript) -> Value:
        of = self.evaluate(node.value)
        index = self.index_value(node.slice)
        found = [self._one_item(node, each, index) for each in options_of(of) if each != NONE]
        return join(*found) if found else UNKNOWN

    def index_value(self, node: ast.expr) -> Value:
        if isinstance(node, ast.Slice):
            for bound in (node.lower, node.upper, node.step):
                if bound is not None:
                    self.evaluate(bound)
            self.memo[id(node)] = Host("slice")
            return Host("slice")
        if isinstance(node, ast.Tuple):
            items = tuple(self.index_value(each) for each in node.elts)
            return Group("tuple", UNKNOWN, items)
        return self.evaluate(node)

    def _one_item(self, node: ast.Subscript, of: Value, index: Value) -> Value:
        match of:
            case Tensor():
                return self._of_tensor_at(node, of, index)
            case Group():
                if isinstance(node.slice, ast.Slice):
                    return Group(of.kind, of.element)
                if (
                    isinstance(index, Const)
                    and of.items is not None
                    and of.keys is None
                    and isinstance(index.value, int)
                ):
                    number = int(index.value)
                    if -len(of.items) <= number < len(of.items):
                        return of.items[number]
                tensor = as_tensor(index)
                if (
                    tensor is not None
                    and tensor.is_sure
                    and tensor.memory == "device"
                    and of.kind in ("list", "tuple")
                ):
                    self.reads(node.slice, tensor, "Tensor.__index__")
                return item_of(of, index)
            case Host():
                return Host() if of.what != "environ" else Host("environment")
            case ExternalObject(path="torch.nn.Sequential"):
                return join(*of.parts) if of.parts else UNKNOWN
            case Object():
                method = self.program.methods.of(of, "__getitem__")
                if isinstance(method, Func):
                    return self.call_function(node, method, Arguments([index]), node.lineno)
                return UNKNOWN
            case Func():
                # kernel[grid](...): what is called is the kernel.
                self._kernel(node, of)
                return UNKNOWN
            case ClassRef():
                return of
            case _:
                return UNKNOWN

    def _kernel(self, node: ast.Subscript, of: Func) -> None:
        decorators = self.index.functions[of.number].decorators
        if any("autotune" in each for each in decorators):
            self.first_use(
                node,
                "triton.autotune",
                node.value.end_lineno or node.lineno,
                "each new key runs every configuration, and waits for it",
            )
        elif any(each.endswith("jit") for each in decorators):
            self.first_use(
                node,
                "triton.jit",
                node.value.end_lineno or node.lineno,
                "it is compiled and loaded when it is first launched",
            )

    def _of_tensor_at(self, node: ast.Subscript, of: Tensor, index: Value) -> Value:
        """`tensor[index]`, where it is read."""
        self.indexed(node, of, index, "Tensor.__getitem__")
        parts = (
            index.items
            if isinstance(index, Group) and index.kind == "tuple" and index.items is not None
            else (index,)
        )
        numbers = sum(
            (isinstance(each, Const) and not isinstance(each.value, bool) and each.value is not None)
            or each == NUMBER
            for each in parts
        )
        rank = (
            max(of.rank - numbers, 0)
            if of.rank is not None and all(is_host_value(each) for each in parts)
            else None
        )
        return Tensor(of.memory, of.is_bool, rank, of.is_sure)

    def indexed(self, node: ast.Subscript, of: Tensor, index: Value, name: str) -> None:
        """What the parts of an index do: masks, lists, and bounds that are tensors."""
        nodes = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        values = (
            index.items
            if isinstance(index, Group) and isinstance(node.slice, ast.Tuple) and index.items is not None
            else (index,)
        )
        for part, value in zip(nodes, values, strict=False):
            if isinstance(part, ast.Slice):
                for bound in (part.lower, part.upper, part.step):
                    if bound is not None:
                        tensor = as_tensor(self.memo.get(id(bound), UNKNOWN))
                        if (
                            tensor is not None
                            and not tensor.is_host
                            and ((tensor.is_sure and tensor.memory == "device") or tensor.is_sure)
                        ):
                            self.reads(
                                bound,
                                tensor,
                                "Tensor.__index__",
                                note="a bound of a slice is read by the host",
                            )
                continue
            tensor = as_tensor(value)
            if tensor is not None and tensor.is_bool and not of.is_host and not tensor.is_host:
                self.site(
                    node,
                    name,
                    "sync",
                    "waits",
                    is_sure=tensor.is_sure and of.is_sure,
                    line=node.lineno,
                    note="a mask is turned into indices, whose number the host reads",
                )
            elif tensor is not None and tensor.is_host and of.memory == "device" and tensor.is_sure:
                self.uploads(node, name, memory=tensor.memory, note="the indices are in host memory")
            elif (
                isinstance(value, Group)
                and value.kind == "list"
                and not of.is_host
                and not isinstance(part, ast.Tuple)
            ):
                inside = as_tensor(value.element)
                if inside is None:
                    is_sure = of.is_sure and is_host_value(value.element)
                    self.uploads(
                        node, name, is_sure=is_sure, note="a list of indices is made a tensor and copied"
                    )
            elif isinstance(value, Host) and value.what == "numpy" and of.memory == "device":
                self.uploads(node, name, note="the indices are in host memory")
