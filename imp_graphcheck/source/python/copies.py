"""Copies between the host and the device, reads by the host, and where the memory is."""

import ast
import re

from imp_graphcheck.apis import find_call
from imp_graphcheck.apis.torch_manners import TORCH_COPIES
from imp_graphcheck.record.audit import HostMemory
from imp_graphcheck.source.python.frame import Frame
from imp_graphcheck.source.python.values import (
    NONE,
    Const,
    Device,
    Memory,
    Options,
    Tensor,
    Value,
    as_tensor,
    options_of,
)

IN_HOST_MEMORY = "the tensor is in host memory"
NOT_KNOWN = "that it is a tensor is not known"
_HOST_WORDS = re.compile(r"(^|_)(cpu|host|np|numpy|pinned|pin)(_|\d|$)")
_PINNED_WORDS = re.compile(r"(^|_)(pinned|pin)(_|$)")
_DEVICE_WORDS = re.compile(r"(^|_)(gpu|cuda|dev|device)(_|$)")
_NOT_ON_DEVICE = re.compile(r"(^|_)(cpu|host|meta)(_|$)")


def memory_by_name(name: str) -> Memory | None:
    """Where the name of a tensor says that it lives."""
    last = name.rpartition(".")[2]
    if _PINNED_WORDS.search(last):
        return "pinned"
    if _HOST_WORDS.search(last):
        return "host"
    return "device" if _DEVICE_WORDS.search(last) else None


class Copies(Frame):
    """What a capture minds about memory."""

    # where things are

    def memory_of_device(self, value: Value | None, node: ast.expr | None = None) -> Memory | None:
        """Where a tensor made for the device `value` lives; the device where nobody says the host."""
        if value is None or value == NONE:
            return self.memory_by_default()
        found: set[Memory | None] = set()
        for each in options_of(value):
            match each:
                case Const(value=str() as text):
                    found.add("host" if text.startswith(("cpu", "meta")) else "device")
                case Device(memory=memory):
                    found.add(memory)
                case Const(value=None):
                    continue
                case _:
                    found.add(None)
        memory = next(iter(found)) if len(found) == 1 else None
        if memory is None:
            words = self.text(node) if node is not None else ""
            return "host" if _NOT_ON_DEVICE.search(words.rpartition(".")[2].lower()) else "device"
        return memory

    def named(self, name: str, value: Value) -> Value:
        """`value` with what its name says of where it lives."""
        if isinstance(value, Tensor) and value.memory is None:
            memory = memory_by_name(name)
            if memory is not None:
                return Tensor(memory, value.is_bool, value.rank, value.is_sure)
        return value

    def memory_by_default(self) -> Memory | None:
        """Where a tensor is made that is given no device; None where nobody can tell."""
        if self.memory_here is not None:
            return "host" if self.memory_here == "host" else "device"
        if self.function is not None and self.function.owner >= 0 and self.function.name == "__init__":
            owner = self.index.owner(self.analysis.context.number)
            if self.index.is_module(owner):
                # It may be moved with its module, or made under `with device:`.
                return None
        return "host"

    def named_argument(self, node: ast.Call, name: str) -> ast.expr | None:
        return next((each.value for each in node.keywords if each.arg == name), None)

    # sites

    def reads(self, node: ast.expr, tensor: Tensor, name: str, *, line: int = 0, note: str = "") -> None:
        """The host reads a value of `tensor`: it waits for the device."""
        self.site(
            node,
            name,
            "d2h",
            "waits",
            line=line,
            host="pageable",
            is_sure=tensor.is_sure,
            harmless=IN_HOST_MEMORY if tensor.is_host else "",
            note=note or ("" if tensor.is_sure else NOT_KNOWN),
        )

    def reads_quietly(self, node: ast.expr, value: Value, name: str) -> None:
        """As `reads`, for what says nothing in the source: only where a tensor of the device is meant."""
        tensor = as_tensor(value)
        if tensor is not None and not tensor.is_host:
            self.reads(node, tensor, name)

    def uploads(
        self,
        node: ast.expr,
        name: str,
        *,
        memory: Memory | None = "host",
        waits: bool = True,
        is_sure: bool = True,
        note: str = "",
        line: int = 0,
    ) -> None:
        """A copy from host memory to the device."""
        host: HostMemory = "pinned" if memory == "pinned" else "pageable"
        is_waiting = host == "pinned" and waits
        self.site(
            node,
            name,
            "h2d",
            "waits" if is_waiting else "recorded",
            line=line,
            host=host,
            caller=TORCH_COPIES if host == "pageable" else "",
            is_sure=is_sure,
            note=note or ("it waits for the copy: it is not non_blocking" if is_waiting else ""),
        )

    def downloads(
        self,
        node: ast.expr,
        tensor: Tensor,
        name: str,
        *,
        waits: bool = True,
        line: int = 0,
        pinned: bool = False,
    ) -> None:
        """A copy from the device to host memory."""
        host: HostMemory = "pageable" if waits and not pinned else "pinned"
        self.site(
            node,
            name,
            "d2h",
            "waits" if waits and pinned else "recorded",
            line=line,
            host=host,
            caller=TORCH_COPIES if host == "pageable" else "",
            is_sure=tensor.is_sure,
            harmless=IN_HOST_MEMORY if tensor.is_host else "",
            note="" if tensor.is_sure else NOT_KNOWN,
        )

    def pins(self, node: ast.expr, name: str, line: int = 0, *, is_sure: bool = True) -> None:
        """Torch takes pinned memory, by cudaHostAlloc where its cache has none."""
        api = find_call("cudaHostAlloc")
        assert api is not None
        self.site(
            node,
            name,
            "alloc",
            "unsafe",
            line=line,
            api=api,
            caller=TORCH_COPIES,
            is_sure=is_sure,
            note=f"by {name}",
        )

    def shown(self, node: ast.expr, value: Value, name: str) -> None:
        """A value is turned into words."""
        tensor = as_tensor(value)
        if tensor is not None and tensor.is_sure and not tensor.is_host:
            self.reads(node, tensor, name)

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
        self.reads(node, tensor, "Tensor.__bool__", note="" if tensor.is_sure else NOT_KNOWN)
