"""Methods of tensors: the value that comes out, and whether a capture minds."""

import ast
import re

from imp_graphcheck.source.python import torch_names as names
from imp_graphcheck.source.python.arguments import Arguments
from imp_graphcheck.source.python.copies import IN_HOST_MEMORY, NOT_KNOWN, Copies
from imp_graphcheck.source.python.syntax import line_of_call
from imp_graphcheck.source.python.values import (
    ARRAY,
    NONE,
    NUMBER,
    TEXT,
    UNKNOWN,
    Const,
    Device,
    Group,
    Host,
    Memory,
    Tensor,
    Unknown,
    Value,
    as_tensor,
    element_of,
    options_of,
    together,
)


class TensorCalls(Copies):
    """Calls of methods of tensors."""

    # methods of tensors

    def tensor_method(self, node: ast.Call, tensor: Tensor, name: str, arguments: Arguments) -> Value:
        """`tensor.name(...)`."""
        line = line_of_call(node)
        match name:
            case "item":
                self.reads(node, tensor, "Tensor.item", line=line)
                return NUMBER
            case "tolist":
                self.downloads(node, tensor, "Tensor.tolist", line=line)
                return Group("list", NUMBER)
            case "cpu":
                self.downloads(node, tensor, "Tensor.cpu", line=line)
                return Tensor("host", tensor.is_bool, tensor.rank)
            case "numpy" | "__array__":
                # On the device it raises, so it is no way to the host.
                return ARRAY
            case "to" | "cuda":
                return self._moved(node, tensor, name, arguments, line)
            case "copy_":
                return self._copied(node, tensor, arguments, line)
            case "pin_memory":
                self.pins(node, "Tensor.pin_memory", line, is_sure=tensor.is_sure)
                return Tensor("pinned", tensor.is_bool, tensor.rank)
            case "record_stream":
                self.site(node, "Tensor.record_stream", "xstream", "recorded", line=line)
                return NONE
            case "split" | "chunk" | "unbind" | "tensor_split" | "hsplit" | "vsplit" | "split_with_sizes":
                return Group("tuple", Tensor(tensor.memory, tensor.is_bool, None, tensor.is_sure))
            case "type":
                return tensor if node.args else TEXT
            case "index_put_" | "index_put":
                self._index_put(node, arguments, line)
                return tensor
            case _ if name in names.HOST_METHODS:
                return Host("number")
            case _ if name in names.NEW:
                return self._new(node, tensor, name, arguments, line)
        if name.startswith("_"):
            return UNKNOWN
        self.waits(node, f"Tensor.{name}", name, tensor, arguments, line, skips=0)
        if name.startswith("is_") and name != "is_nonzero":
            return NUMBER
        if name in names.READING_METHODS:
            return NUMBER
        if name == "bool" or name in names.BOOL_RESULTS:
            is_bool: bool | None = True
        elif name in names.KEEPS_BOOL or name.endswith("_"):
            is_bool = tensor.is_bool
        else:
            is_bool = False if name in names.NOT_BOOL else None
        if name in ("logical_and", "logical_or"):
            is_bool = True
        others = [each for value in arguments.positional if (each := as_tensor(value)) is not None]
        return Tensor(
            together(tensor, *others),
            is_bool,
            1 if name == "flatten" and not node.args else None,
            tensor.is_sure,
        )

    def waits(
        self,
        node: ast.Call,
        api: str,
        name: str,
        tensor: Tensor,
        arguments: Arguments,
        line: int,
        *,
        skips: int,
    ) -> None:
        """Sites of operators that torch has as functions and as methods; `skips` arguments stand before their own."""
        harmless = IN_HOST_MEMORY if tensor.is_host else ""
        note = "" if tensor.is_sure else NOT_KNOWN
        if name in names.WAITING_METHODS:
            self.site(
                node,
                api,
                "sync",
                "waits",
                line=line,
                is_sure=tensor.is_sure,
                harmless=harmless,
                note=note or names.WAITING_METHODS[name],
            )
        elif name in names.READING_METHODS:
            self.site(
                node,
                api,
                "d2h",
                "waits",
                line=line,
                host="pageable",
                is_sure=tensor.is_sure,
                harmless=harmless,
                note=note,
            )
        elif name == "repeat_interleave":
            repeats = as_tensor(arguments.get(skips, "repeats") or UNKNOWN)
            size = arguments.get(skips + 2, "output_size")
            if repeats is not None and (size is None or size == NONE) and not arguments.is_open:
                self.site(
                    node,
                    api,
                    "sync",
                    "waits",
                    line=line,
                    is_sure=tensor.is_sure and repeats.is_sure,
                    harmless=IN_HOST_MEMORY if tensor.is_host and repeats.is_host else "",
                    note="without output_size the host adds the repeats up",
                )
        elif name in ("fill_", "full"):
            return
        elif name in (
            "narrow",
            "expand",
            "view",
            "reshape",
            "select",
            "index_fill_",
            "roll",
            "split",
            "topk",
        ):
            for each in node.args[skips:]:
                self.reads_quietly(
                    each, self.memo.get(id(each), UNKNOWN), "Tensor.__index__"
                ) if name not in ("index_fill_",) and self._is_scalar(each) else None

    def _is_scalar(self, node: ast.expr) -> bool:
        """Whether a tensor stands where only a number can: no list of sizes and no tensor of indices."""
        value = self.memo.get(id(node))
        return isinstance(value, Tensor) and value.is_sure and value.memory == "device"

    def _moved(self, node: ast.Call, tensor: Tensor, name: str, arguments: Arguments, line: int) -> Value:
        """`.to(...)` and `.cuda()`."""
        target, is_plain = self.target(node, name, arguments)
        if target is None:
            is_bool = tensor.is_bool if not node.args and not node.keywords else None
            words = " ".join(self.text(each) for each in node.args) if node.args else ""
            if words.endswith("bool"):
                is_bool = True
            return Tensor(tensor.memory, is_bool, tensor.rank, tensor.is_sure)
        waits = arguments.get(-1, "non_blocking") in (None, Const(False)) and not (
            len(arguments.positional) > 1 and Const(True) in arguments.positional[1:]
        )
        api = f"Tensor.{name}"
        if target == "host":
            self.downloads(node, tensor, api, waits=waits, line=line)
            return Tensor("host" if waits else "pinned", tensor.is_bool, tensor.rank)
        if tensor.is_host:
            self.uploads(node, api, memory=tensor.memory, waits=waits, line=line, is_sure=tensor.is_sure)
        elif tensor.memory is None and is_plain:
            self.uploads(
                node,
                api,
                line=line,
                waits=waits,
                is_sure=False,
                note="where the tensor comes from is not known",
            )
        return Tensor("device", tensor.is_bool, tensor.rank)

    def target(self, node: ast.Call, name: str, arguments: Arguments) -> tuple[Memory | None, bool]:
        """Where `.to()` leads; None where only the type changes. And whether the source says it in so many words."""
        if name == "cuda":
            return "device", True
        for at, value in enumerate(arguments.positional):
            words = self.text(node.args[at]) if at < len(node.args) else ""
            for each in options_of(value):
                match each:
                    case Const(value=str()):
                        return self.memory_of_device(value), True
                    case Device():
                        return self.memory_of_device(
                            value, node.args[at] if at < len(node.args) else None
                        ), not words.endswith(".device") or words.startswith("self.")
                    case Tensor():
                        return (each.memory if each.is_host else "device"), False
                    case Const(value=int()) if not isinstance(each.value, bool) and at == 0:
                        return "device", True
                    case Unknown() if re.search(r"(^|[._])(device|dev|gpu)(_?id)?$", words.lower()):
                        return self.memory_of_device(value, node.args[at]), words.startswith("self.")
        device = arguments.named.get("device")
        if device is not None and device != NONE:
            words_node = self.named_argument(node, "device")
            words = self.text(words_node) if words_node is not None else ""
            return self.memory_of_device(device, words_node), isinstance(device, Const) or words.startswith(
                "self."
            )
        return None, False

    def _copied(self, node: ast.Call, tensor: Tensor, arguments: Arguments, line: int) -> Value:
        source_value = arguments.get(0, "src") or UNKNOWN
        source = as_tensor(source_value)
        waits = arguments.get(1, "non_blocking") in (None, Const(False))
        if source is None:
            return tensor
        if tensor.is_host and not source.is_host:
            api = "Tensor.copy_"
            # Pinned memory is there to be copied into from the device.
            sure = (source.memory == "device" or tensor.memory == "pinned") and source.is_sure
            self.downloads(
                node,
                Tensor("device", is_sure=sure),
                api,
                waits=waits,
                line=line,
                pinned=tensor.memory == "pinned",
            )
        elif source.is_host and not tensor.is_host:
            self.uploads(
                node,
                "Tensor.copy_",
                memory=source.memory,
                waits=waits,
                line=line,
                is_sure=source.is_sure and tensor.is_sure,
            )
        return tensor

    def _new(self, node: ast.Call, tensor: Tensor, name: str, arguments: Arguments, line: int) -> Value:
        device = arguments.named.get("device")
        memory = (
            self.memory_of_device(device, self.named_argument(node, "device"))
            if device is not None
            else tensor.memory
        )
        if name == "new_tensor" and memory != "host" and memory != "pinned":
            self.uploads(node, "Tensor.new_tensor", line=line, is_sure=tensor.is_sure)
        return Tensor(memory, self.asks_bool(node), None, tensor.is_sure)

    def _index_put(self, node: ast.Call, arguments: Arguments, line: int) -> None:
        indices = arguments.get(0, "indices")
        mask = as_tensor(element_of(indices)) if indices is not None else None
        if mask is not None and mask.is_bool and not mask.is_host:
            self.site(
                node,
                "Tensor.index_put_",
                "sync",
                "waits",
                line=line,
                is_sure=mask.is_sure,
                note="a mask is turned into indices",
            )

    def asks_bool(self, node: ast.Call) -> bool | None:
        """Whether the `dtype` of a call is bool; None where nobody can tell."""
        dtype = self.named_argument(node, "dtype")
        if dtype is None:
            return False
        return self.text(dtype) in ("torch.bool", "bool") or None
