"""Calls that are sites by their names alone: all that is said of code that no entry leads to."""

import ast

from imp_graphcheck.apis import find_call
from imp_graphcheck.source.python.syntax import constant, dotted

_BY_METHOD = {
    "item": "Tensor.item",
    "cpu": "Tensor.cpu",
    "tolist": "Tensor.tolist",
    "nonzero": "Tensor.nonzero",
    "masked_select": "Tensor.masked_select",
    "is_nonzero": "Tensor.is_nonzero",
    "pin_memory": "Tensor.pin_memory",
    "cuda": "Tensor.cuda",
    "synchronize": "torch.cuda.synchronize",
    "empty_cache": "torch.cuda.empty_cache",
}
_NO_ARGUMENTS = frozenset({"item", "tolist", "empty_cache"})
_UPLOADS = frozenset({"tensor", "as_tensor", "asarray"})


def api_by_name(node: ast.Call, name: str) -> str:
    """What a call is, going by its name; empty where the name says nothing."""
    if name in _BY_METHOD:
        if not isinstance(node.func, ast.Attribute) or (node.args and name in _NO_ARGUMENTS):
            return ""
        return _BY_METHOD[name]
    if name == "to":
        return "Tensor.to" if node.args and constant(node.args[0]) == "cpu" else ""
    if name in _UPLOADS:
        devices = [each.value for each in node.keywords if each.arg == "device"]
        is_upload = devices and constant(devices[0]) != "cpu" and dotted(node.func).startswith("torch.")
        return f"torch.{name}" if is_upload else ""
    if name.startswith(("cu", "nccl")):
        found = find_call(name)
        return found.name if found is not None else ""
    return ""
