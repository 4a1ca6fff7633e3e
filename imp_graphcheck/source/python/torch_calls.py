"""What torch does when it is called: the value that comes out, and whether a capture minds."""

import ast
import re

from imp_graphcheck.apis import find_call
from imp_graphcheck.apis.torch_manners import TORCH_COPIES
from imp_graphcheck.record.audit import CallClass, HostMemory
from imp_graphcheck.source.python import torch_names as names
from imp_graphcheck.source.python.frame import Arguments, Frame
from imp_graphcheck.source.python.syntax import line_of_call
from imp_graphcheck.source.python.values import (
    ARRAY,
    DEVICE_TENSOR,
    NONE,
    NUMBER,
    TEXT,
    UNKNOWN,
    Const,
    Device,
    External,
    ExternalObject,
    Func,
    Group,
    Host,
    Memory,
    Object,
    Tensor,
    Unknown,
    Value,
    as_tensor,
    element_of,
    is_host_value,
    join,
    options_of,
    together,
)

IN_HOST_MEMORY = "the tensor is in host memory"
_NOT_KNOWN = "that it is a tensor is not known"
_HOST_WORDS = re.compile(r"(^|_)(cpu|host|np|numpy|pinned|pin)(_|\d|$)")
_PINNED_WORDS = re.compile(r"(^|_)(pinned|pin)(_|$)")
_DEVICE_WORDS = re.compile(r"(^|_)(gpu|cuda|dev|device)(_|$)")
_NOT_ON_DEVICE = re.compile(r"(^|_)(cpu|host|meta)(_|$)")
_COPY_KINDS: dict[str, CallClass] = {"HostToDevice": "h2d", "DeviceToHost": "d2h", "DeviceToDevice": "d2d"}


def memory_by_name(name: str) -> Memory | None:
    """Where the name of a tensor says that it lives."""
    last = name.rpartition(".")[2]
    if _PINNED_WORDS.search(last):
        return "pinned"
    if _HOST_WORDS.search(last):
        return "host"
    return "device" if _DEVICE_WORDS.search(last) else None


class TorchCalls(Frame):
    """Calls of torch, of other libraries of arrays, and of CUDA's own functions."""

    # where things are

    def memory_of_device(self, value: Value | None, node: ast.expr | None = None) -> Memory | None:
        """Where a tensor made for the device `value` lives; the device where nobody says the host."""
        if value is None or value == NONE:
            return self._memory_by_default()
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

    def _memory_by_default(self) -> Memory | None:
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
            note=note or ("" if tensor.is_sure else _NOT_KNOWN),
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
            note="" if tensor.is_sure else _NOT_KNOWN,
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
        self._waits(node, f"Tensor.{name}", name, tensor, arguments, line, skips=0)
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

    def _waits(
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
        note = "" if tensor.is_sure else _NOT_KNOWN
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
        target, is_plain = self._target(node, name, arguments)
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

    def _target(self, node: ast.Call, name: str, arguments: Arguments) -> tuple[Memory | None, bool]:
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
        return Tensor(memory, self._asks_bool(node), None, tensor.is_sure)

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

    def _asks_bool(self, node: ast.Call) -> bool | None:
        dtype = self.named_argument(node, "dtype")
        if dtype is None:
            return False
        return self.text(dtype) in ("torch.bool", "bool") or None

    # functions

    def torch_function(self, node: ast.Call, path: str, arguments: Arguments) -> Value:
        """A function of torch, by its dotted name."""
        line = line_of_call(node)
        head, _, name = path.rpartition(".")
        given = self._given_tensors(arguments)
        if path in names.SYNCS:
            self.site(node, path, "sync", "waits", line=line)
            return NONE
        if path.startswith("torch.distributed."):
            return self._distributed(node, path, name, line)
        if path in names.STREAM_CLASSES or path in names.EVENT_CLASSES:
            is_event = path in names.EVENT_CLASSES
            self.site(
                node,
                path,
                "handle",
                "at once",
                line=line,
                note="" if is_event else "a stream of torch comes from a pool",
            )
            return ExternalObject(path)
        if path in (
            "torch.cuda.current_stream",
            "torch.cuda.default_stream",
            "torch.accelerator.current_stream",
        ):
            return ExternalObject("torch.cuda.Stream")
        if path in ("torch.cuda.empty_cache", "torch.accelerator.empty_cache"):
            self.site(node, path, "free", "unsafe", line=line)
            return NONE
        if path in names.SEEDS:
            self.site(
                node,
                path,
                "handle",
                "never",
                line=line,
                note="torch refuses to seed a generator, or to read its state, while a stream is captured",
            )
            return NONE
        if path == "torch.Generator":
            return ExternalObject("torch.Generator")
        if path == "torch.compile":
            return self._compiled(node, arguments)
        if path == "torch.device":
            return Device(
                self.memory_of_device(arguments.get(0, "device"), node.args[0] if node.args else None)
            )
        if path == "torch.save":
            for tensor in given[:1]:
                self.reads(node, tensor, path, line=line)
            return NONE
        if path in ("torch.cuda.is_available", "torch.accelerator.is_available"):
            return Const(True, "other platform")
        if path == "torch.cuda.device":
            return Device("device")
        if path == "torch.from_numpy" or path == "torch.frombuffer":
            return Tensor("host", None, None)
        if path.startswith("torch.distributions.") and name[:1].isupper():
            if arguments.named.get("validate_args") != Const(False) and any(
                not each.is_host for each in given
            ):
                self.site(
                    node,
                    path,
                    "d2h",
                    "waits",
                    line=line,
                    host="pageable",
                    note="it validates its arguments",
                    is_sure=all(each.is_sure for each in given),
                )
            return ExternalObject(path)
        if head in ("torch.nn", "torch.nn.modules") and name[:1].isupper():
            return self._external_module(path, name, arguments)
        if name in ("Tensor", "FloatTensor", "LongTensor", "IntTensor", "BoolTensor", "HalfTensor"):
            return Tensor("host")
        if name[:1].isupper() and not path.startswith("torch.nn.functional"):
            return ExternalObject(path)
        if head == "torch.cuda" or path.startswith(
            (
                "torch.cuda.",
                "torch.backends.",
                "torch.version",
                "torch.utils.",
                "torch.jit.",
                "torch._",
                "torch.compiler.",
                "torch.library.",
                "torch.autograd.",
                "torch.profiler.",
                "torch.multiprocessing.",
                "torch.accelerator.",
            )
        ):
            return self._other(node, path, name, arguments, given)
        if name in names.FACTORIES and head == "torch":
            return self._made(node, path, name, arguments, line)
        if head == "torch" and name in names.NOT_TENSORS:
            return UNKNOWN if name in ("load", "compile") else Host(name)
        if path.startswith("torch.ops."):
            return self._operator(node, path, arguments, given)
        return self._operated(node, path, name, arguments, given, line)

    def _given_tensors(self, arguments: Arguments) -> list[Tensor]:
        found = []
        for value in (*arguments.positional, *arguments.named.values()):
            tensor = as_tensor(value)
            if tensor is None and isinstance(value, Group):
                tensor = as_tensor(value.element)
            if tensor is not None:
                found.append(tensor)
        return found

    def _operated(
        self, node: ast.Call, path: str, name: str, arguments: Arguments, given: list[Tensor], line: int
    ) -> Value:
        """An operator: a tensor comes out, where its arguments are."""
        first = given[0] if given else Tensor("device")
        if path in names.WAITING_FUNCTIONS:
            self.site(
                node,
                path,
                "sync",
                "waits",
                line=line,
                is_sure=first.is_sure,
                harmless=IN_HOST_MEMORY if given and all(each.is_host for each in given) else "",
                note="it looks whether the factorisation worked",
            )
        elif name == "where" and len(node.args) + len(node.keywords) == 1 and not arguments.is_open:
            self.site(
                node,
                path,
                "sync",
                "waits",
                line=line,
                is_sure=first.is_sure,
                harmless=IN_HOST_MEMORY if first.is_host else "",
                note="with one argument it is nonzero",
            )
            return Group("tuple", Tensor(first.memory, False, 1))
        elif name == "one_hot":
            classes = arguments.get(1, "num_classes")
            if classes is None or classes == Const(-1):
                self.site(
                    node,
                    path,
                    "sync",
                    "waits",
                    line=line,
                    is_sure=first.is_sure,
                    harmless=IN_HOST_MEMORY if first.is_host else "",
                    note="without num_classes the host reads the largest one",
                )
        else:
            self._waits(node, path, name, first, arguments, line, skips=1)
        if name in names.READING_METHODS:
            return NUMBER
        memory = together(*given) if given else None
        device = arguments.named.get("device")
        if device is not None:
            memory = self.memory_of_device(device, self.named_argument(node, "device"))
        elif name in names.LIKE and given:
            memory = given[0].memory
        if name in (
            "split",
            "chunk",
            "unbind",
            "meshgrid",
            "broadcast_tensors",
            "tensor_split",
            "unsafe_chunk",
        ):
            return Group("tuple", Tensor(memory))
        if name in names.LIKE:
            return Tensor(
                memory,
                self._asks_bool(node)
                if self.named_argument(node, "dtype") is not None
                else (given[0].is_bool if given else None),
            )
        is_bool: bool | None = None
        if name in names.BOOL_RESULTS:
            is_bool = True
        elif name in names.KEEPS_BOOL or name == "where":
            others = [each.is_bool for each in given[1 if name == "where" else 0 :]]
            is_bool = others[0] if others and all(each == others[0] for each in others) else None
        elif name in names.NOT_BOOL or path.startswith("torch.nn.functional."):
            is_bool = False
        return Tensor(memory, is_bool, None, all(each.is_sure for each in given[:1]))

    def _made(self, node: ast.Call, path: str, name: str, arguments: Arguments, line: int) -> Value:
        """A factory: `torch.zeros` and its like."""
        device_node = self.named_argument(node, "device")
        device = arguments.named.get("device")
        if name in ("tensor", "as_tensor", "asarray"):
            return self._from_data(node, path, name, arguments, line)
        memory = (
            self.memory_of_device(device, device_node)
            if device_node is not None
            else self._memory_by_default()
        )
        if arguments.is_open and device_node is None:
            memory = None
        pinned = arguments.named.get("pin_memory")
        if pinned is not None and pinned not in (Const(False), NONE) and memory != "device":
            self.pins(node, path, line, is_sure=pinned == Const(True))
            memory = "pinned"
        sized = node.args if name in names.SIZED else []
        for each in sized:
            value = self.memo.get(id(each), UNKNOWN)
            if isinstance(value, Tensor) and value.is_sure and not value.is_host:
                self.reads(each, value, "Tensor.__index__")
        return Tensor(memory, self._asks_bool(node), _rank(node, name))

    def _from_data(self, node: ast.Call, path: str, name: str, arguments: Arguments, line: int) -> Value:
        """`torch.tensor` and `torch.as_tensor`."""
        device_node = self.named_argument(node, "device")
        device = arguments.named.get("device")
        data = arguments.get(0, "data") or UNKNOWN
        source = as_tensor(data)
        if device_node is None or device == NONE:
            memory = self._memory_by_default()
            if source is not None and source.is_sure:
                memory = source.memory
        else:
            memory = self.memory_of_device(device, device_node)
        if memory == "device" and (device_node is not None or self.memory_here is not None):
            if source is None or not source.is_sure:
                is_sure = source is None and (not isinstance(data, Unknown) or name == "tensor")
                self.uploads(
                    node,
                    path,
                    line=line,
                    is_sure=is_sure,
                    note="" if is_sure else "what it is made from is not known",
                )
            elif source.is_host:
                self.uploads(node, path, memory=source.memory, line=line)
        elif memory == "host" and source is not None and source.memory == "device":
            self.downloads(node, source, path, line=line)
        elif isinstance(data, Group):
            inside = as_tensor(data.element)
            if inside is not None and inside.memory == "device" and inside.is_sure:
                self.reads(node, inside, path, line=line, note="a tensor among the data is read by the host")
        pinned = arguments.named.get("pin_memory")
        if pinned is not None and pinned not in (Const(False), NONE) and memory == "host":
            self.pins(node, path, line, is_sure=pinned == Const(True))
            memory = "pinned"
        rank = 0 if isinstance(data, Const) or data == NUMBER else None
        return Tensor(
            memory, self._asks_bool(node) if self.named_argument(node, "dtype") is not None else None, rank
        )

    def _compiled(self, node: ast.Call, arguments: Arguments) -> Value:
        function = arguments.get(0, "model")
        if function is None:
            return External("torch.compile()")
        return function

    def first_use(self, node: ast.expr, name: str, line: int, note: str) -> None:
        """Something is compiled, tuned or loaded when it is first called."""
        with self.under(self.plain_guard("once", node, f"first use of {name}", "first call")):
            self.site(node, name, "handle", "unsafe", line=line, note=note)

    def _distributed(self, node: ast.Call, path: str, name: str, line: int) -> Value:
        if name in names.OBJECT_COLLECTIVES:
            self.site(
                node,
                path,
                "d2h",
                "waits",
                line=line,
                host="pageable",
                note="the objects travel through host memory",
            )
        elif name in (
            "init_process_group",
            "new_group",
            "destroy_process_group",
            "init_device_mesh",
            "new_subgroups",
        ):
            self.site(node, path, "handle", "unsafe", line=line)
        elif name in ("get_rank", "get_world_size", "is_initialized", "is_available"):
            return NUMBER
        return UNKNOWN

    def _external_module(self, path: str, name: str, arguments: Arguments) -> Value:
        match name:
            case "Parameter":
                data = as_tensor(arguments.get(0, "data") or UNKNOWN)
                # A parameter is moved with its module.
                return Tensor("device", data.is_bool if data else None, data.rank if data else None)
            case "Buffer":
                return DEVICE_TENSOR
            case "ModuleList" | "ModuleDict":
                given = arguments.get(0)
                if isinstance(given, Group):
                    return Group("modules", given.element, given.items, given.keys)
                return Group("modules", element_of(given) if given is not None else UNKNOWN)
            case "ParameterList" | "ParameterDict":
                return Group("modules", DEVICE_TENSOR)
            case "Sequential":
                return ExternalObject("torch.nn.Sequential", tuple(arguments.positional))
            case _:
                return ExternalObject(path)

    def _other(
        self, node: ast.Call, path: str, name: str, arguments: Arguments, given: list[Tensor]
    ) -> Value:
        """Functions of torch that are no operators."""
        if "is_current_stream_capturing" in name:
            return Const(True, "not capturing")
        if name in ("is_compiling", "is_scripting", "is_tracing", "is_dynamo_compiling", "_is_compiling"):
            return Host("compiling")
        if path.startswith("torch.version"):
            return Host()
        if name in ("checkpoint", "tree_map"):
            function = arguments.get(0)
            if isinstance(function, Func):
                return self.edge(function, Arguments(arguments.positional[1:]), line_of_call(node))
        if name in (
            "current_device",
            "device_count",
            "memory_allocated",
            "max_memory_allocated",
            "memory_reserved",
        ):
            return NUMBER
        if name == "cudart":
            return External("cuda.cudart")
        if name == "compile":
            return self._compiled(node, arguments)
        return UNKNOWN

    def _operator(self, node: ast.Call, path: str, arguments: Arguments, given: list[Tensor]) -> Value:
        """`torch.ops.ns.name(...)`, which may be a function of the tree that was registered under this name."""
        operator = path.removeprefix("torch.ops.").removesuffix(".default")
        last = operator.rpartition(".")[2]
        known = self.index.registered.get(operator) or self.index.registered.get(last)
        if known is not None:
            function = self.program.global_value(*known)
            if isinstance(function, Func):
                return self.edge(function, arguments, line_of_call(node))
        return Tensor(together(*given) if given else None)

    # objects of libraries

    def library_method(
        self, node: ast.Call, of: ExternalObject, name: str, arguments: Arguments
    ) -> Value | None:
        """A method of an object of torch or of another library; None where it is none that is known."""
        line = line_of_call(node)
        if of.path in names.STREAM_CLASSES:
            return self._stream(node, name, line)
        if of.path in names.EVENT_CLASSES:
            return self._event(node, name, line)
        if of.path.endswith("CUDAGraph") and name == "replay":
            return NONE
        if of.path == "torch.Generator" and name in ("manual_seed", "seed", "set_state", "get_state"):
            self.site(
                node,
                f"torch.Generator.{name}",
                "handle",
                "never",
                line=line,
                note="torch refuses to seed a generator, or to read its state, while a stream is captured",
            )
            return of
        if of.path.startswith("torch.nn.") or of.path == "torch.nn.Module":
            if name in ("to", "cuda", "half", "eval", "train", "requires_grad_", "float", "bfloat16"):
                return of
            if name in ("parameters", "buffers"):
                return Group("list", DEVICE_TENSOR)
        if of.path.startswith("torch.distributions") and name in (
            "sample",
            "rsample",
            "log_prob",
            "entropy",
            "mode",
        ):
            return DEVICE_TENSOR
        if of.path.startswith("cupy") and name in ("get", "item", "tolist"):
            self.site(node, f"cupy.ndarray.{name}", "d2h", "waits", line=line, host="pageable")
            return ARRAY
        if name == "copy_to_host":
            self.site(node, "DeviceNDArray.copy_to_host", "d2h", "waits", line=line, host="pageable")
            return ARRAY
        return None

    def _stream(self, node: ast.Call, name: str, line: int) -> Value:
        match name:
            case "synchronize":
                self.site(node, "torch.cuda.Stream.synchronize", "sync", "waits", line=line)
            case "query":
                self.site(node, "torch.cuda.Stream.query", "query", "waits", line=line)
            case "wait_stream" | "wait_event":
                self.site(node, f"torch.cuda.Stream.{name}", "xstream", "recorded", line=line)
            case "record_event":
                self.site(node, "torch.cuda.Stream.record_event", "xstream", "recorded", line=line)
                return ExternalObject("torch.cuda.Event")
        return NUMBER

    def _event(self, node: ast.Call, name: str, line: int) -> Value:
        match name:
            case "synchronize":
                self.site(node, "torch.cuda.Event.synchronize", "sync", "waits", line=line)
            case "query" | "elapsed_time":
                self.site(node, f"torch.cuda.Event.{name}", "query", "waits", line=line)
            case "wait" | "record":
                self.site(node, f"torch.cuda.Event.{name}", "xstream", "recorded", line=line)
        return NUMBER

    # other libraries

    def other_library(self, node: ast.Call, path: str, arguments: Arguments) -> Value | None:
        """CUDA's own functions and other libraries; None where nothing is known."""
        line = line_of_call(node)
        head, _, name = path.rpartition(".")
        found = find_call(name) if name.startswith(("cu", "nccl")) else None
        if found is None and head == "cupy.cuda.runtime":
            found = find_call("cuda" + name[:1].upper() + name[1:])
        if found is not None:
            kind = found.kind
            if kind is None:
                words = " ".join(
                    self.text(each) for each in (*node.args, *(each.value for each in node.keywords))
                )
                kind = next(
                    (
                        each
                        for end, each in _COPY_KINDS.items()
                        if end in words or end[0].lower() + end[1:] in words
                    ),
                    None,
                )
            if kind is not None:
                self.site(node, found.name, kind, found.in_capture, line=line, api=found)
            return UNKNOWN
        if path in names.SYNCS:
            self.site(node, path, "sync", "waits", line=line)
            return NONE
        if path.startswith("cupy."):
            return self._cupy(node, path, name, line)
        if path.startswith("numba.cuda."):
            return self._numba(node, path, name, line)
        if path.startswith(names.ARRAY_MODULES):
            for each in (*node.args, *(keyword.value for keyword in node.keywords)):
                tensor = as_tensor(self.memo.get(id(each), UNKNOWN))
                if tensor is not None and tensor.memory == "device" and tensor.is_sure:
                    self.reads(node, tensor, path, line=line)
                    break
            return ARRAY
        return None

    def _cupy(self, node: ast.Call, path: str, name: str, line: int) -> Value:
        if path in names.STREAM_CLASSES or path in names.EVENT_CLASSES:
            self.site(node, path, "handle", "at once", line=line)
            return ExternalObject("torch.cuda.Stream" if "Stream" in name else "torch.cuda.Event")
        if name == "asnumpy":
            self.site(node, path, "d2h", "waits", line=line, host="pageable")
            return ARRAY
        return ExternalObject("cupy.ndarray")

    def _numba(self, node: ast.Call, path: str, name: str, line: int) -> Value:
        if name == "to_device":
            self.site(node, path, "h2d", "legacy", line=line, host="pageable")
        elif name in ("device_array", "device_array_like", "pinned_array", "mapped_array"):
            self.site(node, path, "alloc", "unsafe", line=line)
        return ExternalObject("numba.cuda.DeviceNDArray")

    # where the type is not known

    def unknown_method(
        self, node: ast.Call, receiver: ast.expr, name: str, arguments: Arguments, of: Value
    ) -> Value | None:
        """A method whose object nobody knows, if its name says that it is one of a tensor; else None."""
        line = line_of_call(node)
        words = self.text(receiver)
        memory = memory_by_name(words.split("[")[0].split("(")[0])
        guess = Tensor(memory, is_sure=False)
        is_object = isinstance(of, (Object, ExternalObject))
        count = len(node.args) + len(node.keywords)
        if name == "item" and not count and not is_object:
            self.reads(node, guess, "Tensor.item", line=line)
            return NUMBER
        if name == "cpu" and not count and not is_object:
            self.downloads(node, Tensor(memory), "Tensor.cpu", line=line)
            return Tensor("host")
        if name == "tolist" and not count and not is_object:
            self.downloads(node, guess, "Tensor.tolist", line=line)
            return Group("list", NUMBER)
        if name in ("masked_select", "is_nonzero", "nonzero") and not is_object:
            self._waits(node, f"Tensor.{name}", name, guess, arguments, line, skips=0)
            return Tensor()
        if name == "to" and count and not is_object:
            target, _ = self._target(node, name, arguments)
            if target == "host":
                self.downloads(
                    node,
                    guess,
                    "Tensor.to",
                    line=line,
                    waits=arguments.named.get("non_blocking") in (None, Const(False)),
                )
                return Tensor("host", is_sure=False)
            if target == "device" and memory in ("host", "pinned"):
                self.uploads(
                    node,
                    "Tensor.to",
                    memory=memory,
                    line=line,
                    waits=arguments.named.get("non_blocking") in (None, Const(False)),
                    is_sure=False,
                )
            return UNKNOWN if target is None else Tensor("device", is_sure=False)
        if name == "synchronize" and not is_host_value(of):
            last = words.lower()
            kind = "Event" if "event" in last else "Stream" if "stream" in last else ""
            api = f"torch.cuda.{kind}.synchronize" if kind else f"{words.split('(')[0]}.synchronize"
            self.site(
                node,
                api if len(api) < 60 else "synchronize",
                "sync",
                "waits",
                line=line,
                is_sure=bool(kind) or bool(re.search(r"cuda|device|platform|current_", last)),
            )
            return NONE
        if name in ("wait_stream", "wait_event", "record_event"):
            return self._stream(node, name, line)
        if name == "query" and re.search(r"event|stream", words.lower()) and not count:
            kind = "Event" if "event" in words.lower() else "Stream"
            self.site(node, f"torch.cuda.{kind}.query", "query", "waits", line=line)
            return NUMBER
        if name == "elapsed_time":
            return self._event(node, name, line)
        if name == "record" and re.search(r"event", words.lower()):
            return self._event(node, name, line)
        if name == "empty_cache":
            self.site(
                node,
                f"{words}.empty_cache" if len(words) < 40 else "empty_cache",
                "free",
                "unsafe",
                line=line,
            )
            return NONE
        if (
            name.startswith(("cuda", "cuMem", "cuStream", "cuEvent", "cuCtx", "cublas", "cudnn", "nccl"))
            and find_call(name) is not None
        ):
            return self.other_library(node, name, arguments)
        return None


def _rank(node: ast.Call, name: str) -> int | None:
    """How many dimensions a factory gives, where its arguments say it."""
    if any(isinstance(each, ast.Starred) for each in node.args) or not node.args:
        return None
    if name in ("arange", "randperm", "linspace", "logspace"):
        return 1
    first = node.args[0]
    if name == "full" or isinstance(first, (ast.Tuple, ast.List)):
        return len(first.elts) if isinstance(first, (ast.Tuple, ast.List)) else None
    if name in ("zeros", "ones", "empty", "rand", "randn"):
        if isinstance(first, ast.Constant) or len(node.args) > 1:
            return len(node.args)
        return 1 if isinstance(first, (ast.BinOp, ast.Name)) and not isinstance(first, ast.Name) else None
    return 2 if name == "eye" else None


__all__ = ["IN_HOST_MEMORY", "TorchCalls", "join", "memory_by_name"]
