"""Parameters without a type that are used as only tensors are."""

import ast
from collections.abc import Callable

from imp_graphcheck.source.python.syntax import Definition, dotted
from imp_graphcheck.source.python.torch_names import (
    ARRAY_MODULES,
    FACTORIES,
    NOT_TENSORS,
    REDUCES,
    TENSOR_EVIDENCE,
)
from imp_graphcheck.source.python.values import External, Value


def tensors_of(node: Definition, lookup: Callable[[str], Value]) -> frozenset[str]:
    """Names of `node` that only make sense as tensors: `x.unsqueeze(0)`, `F.silu(x)`, `x @ w`."""
    found: set[str] = set()
    reduced: set[str] = set()
    against: set[str] = set()
    body: list[ast.AST] = [node.body] if isinstance(node, ast.Lambda) else list(node.body)
    uses_arrays = False
    for each in (inner for part in body for inner in ast.walk(part)):
        match each:
            case ast.Attribute(value=ast.Name(id=name), attr=attribute):
                if attribute in TENSOR_EVIDENCE:
                    found.add(name)
                elif attribute in REDUCES:
                    reduced.add(name)
                elif attribute in (
                    "append",
                    "items",
                    "keys",
                    "values",
                    "astype",
                    "forward",
                    "config",
                    "parameters",
                ):
                    against.add(name)
            case ast.Call():
                path = _path(each.func, lookup)
                if path.startswith(ARRAY_MODULES):
                    uses_arrays = True
                if _takes_tensors(path) and each.args:
                    if isinstance(each.args[0], ast.Name):
                        found.add(each.args[0].id)
                    if (
                        path.startswith("torch.nn.functional.")
                        and len(each.args) > 1
                        and isinstance(each.args[1], ast.Name)
                    ):
                        found.add(each.args[1].id)
            case ast.BinOp(op=ast.MatMult()):
                found |= {side.id for side in (each.left, each.right) if isinstance(side, ast.Name)}
            case ast.Call(func=ast.Attribute(value=ast.Compare(left=ast.Name(id=name)), attr=attribute)):
                if attribute in REDUCES:
                    reduced.add(name)
            case _:
                continue
    for each in (inner for part in body for inner in ast.walk(part)):
        if (
            isinstance(each, ast.Attribute)
            and each.attr in REDUCES
            and isinstance(each.value, ast.Compare)
            and isinstance(each.value.left, ast.Name)
        ):
            reduced.add(each.value.left.id)
    if not uses_arrays:
        found |= reduced
    return frozenset(found - against)


def _path(func: ast.expr, lookup: Callable[[str], Value]) -> str:
    name = dotted(func)
    head, _, rest = name.partition(".")
    if not head:
        return ""
    value = lookup(head)
    if not isinstance(value, External):
        return ""
    return f"{value.path}.{rest}" if rest else value.path


def _takes_tensors(path: str) -> bool:
    """Whether the first argument of the function of this name is a tensor."""
    if path.startswith("torch.nn.functional."):
        return True
    head, _, name = path.rpartition(".")
    return (
        head == "torch"
        and name.islower()
        and name not in FACTORIES
        and name not in NOT_TENSORS
        and name not in ("stack", "cat", "concat", "from_numpy", "tensor", "where", "cond", "isin")
    )
