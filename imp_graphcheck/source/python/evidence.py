"""Names without a type that are used as only tensors are."""

import ast
from collections.abc import Callable
from dataclasses import dataclass

from imp_graphcheck.source.python.syntax import Definition, dotted
from imp_graphcheck.source.python.torch_names import (
    ARRAY_MODULES,
    FACTORIES,
    MODULES_HAVE,
    NOT_TENSORS,
    REDUCES,
    TAKES_GROUPS,
    TENSOR_EVIDENCE,
)
from imp_graphcheck.source.python.values import External, Value

_AGAINST = frozenset(
    {"append", "items", "keys", "values", "astype", "forward", "config", "parameters", "modules"}
)
_WITH_WEIGHT = 2
"""How many tensors a function of `torch.nn.functional` takes at least at its front."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """`likely` are used as tensors, or as modules at best; `certain` as nothing but tensors."""

    likely: frozenset[str]
    certain: frozenset[str]


def evidence_in(node: Definition, lookup: Callable[[str], Value]) -> Evidence:
    """What the uses of the names in a body give away: `x.unsqueeze(0)`, `F.silu(x)`, `x @ w`."""
    likely: set[str] = set()
    certain: set[str] = set()
    reduced: set[str] = set()
    against: set[str] = set()
    uses_arrays = False
    for part in [node.body] if isinstance(node, ast.Lambda) else node.body:
        for each in ast.walk(part):
            match each:
                case ast.Attribute(value=ast.Name(id=name), attr=attribute):
                    if attribute in TENSOR_EVIDENCE:
                        (likely if attribute in MODULES_HAVE else certain).add(name)
                    elif attribute in REDUCES:
                        reduced.add(name)
                    elif attribute in _AGAINST:
                        against.add(name)
                case ast.Attribute(value=ast.Compare(left=ast.Name(id=name)), attr=attribute):
                    if attribute in REDUCES:
                        reduced.add(name)
                case ast.Call() if each.args:
                    path = _path(each.func, lookup)
                    uses_arrays = uses_arrays or path.startswith(ARRAY_MODULES)
                    certain |= set(_given_tensors(path, each))
                case ast.BinOp(op=ast.MatMult()):
                    likely |= {side.id for side in (each.left, each.right) if isinstance(side, ast.Name)}
                case _:
                    continue
    if not uses_arrays:
        likely |= reduced
    return Evidence(frozenset(likely | certain) - against, frozenset(certain - against))


def _path(func: ast.expr, lookup: Callable[[str], Value]) -> str:
    head, _, rest = dotted(func).partition(".")
    value = lookup(head) if head else None
    if not isinstance(value, External):
        return ""
    return f"{value.path}.{rest}" if rest else value.path


def _given_tensors(path: str, call: ast.Call) -> list[str]:
    """The names among the arguments of a function of torch that can only be tensors."""
    if path.startswith("torch.nn.functional."):
        taken = call.args[:_WITH_WEIGHT]
    else:
        head, _, name = path.rpartition(".")
        takes = head == "torch" and name.islower() and name not in FACTORIES | NOT_TENSORS | TAKES_GROUPS
        taken = call.args[:1] if takes else []
    return [each.id for each in taken if isinstance(each, ast.Name)]
