"""Functions of torch: the value that comes out, and whether a capture minds."""

import ast
import re

from imp_graphcheck.source.python import torch_names as names
from imp_graphcheck.source.python.arguments import Arguments
from imp_graphcheck.source.python.copies import IN_HOST_MEMORY
from imp_graphcheck.source.python.library_calls import LibraryCalls
from imp_graphcheck.source.python.syntax import line_of_call
from imp_graphcheck.source.python.values import (
    DEVICE_TENSOR,
    NONE,
    NUMBER,
    UNKNOWN,
    Const,
    Device,
    External,
    ExternalObject,
    Func,
    Group,
    Host,
    Tensor,
    Unknown,
    Value,
    as_tensor,
    element_of,
    together,
)

_HOST_GROUP = re.compile(r"(^|[._])(cpu|gloo)(_|$|\b)", re.IGNORECASE)


class TorchCalls(LibraryCalls):
    """Calls of functions of torch."""

    # functions

    def torch_function(self, node: ast.Call, path: str, arguments: Arguments) -> Value:
        """A function of torch, by its dotted name."""
        line = line_of_call(node)
        head, _, name = path.rpartition(".")
        given = self.given_tensors(arguments)
        if path.startswith("torch.distributed."):
            return self._distributed(node, path, name, line)
        if path in names.SYNCS:
            self.site(node, path, "sync", "waits", line=line)
            return NONE
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

    def given_tensors(self, arguments: Arguments) -> list[Tensor]:
        """The tensors among the arguments, and in containers among them."""
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
            self.waits(node, path, name, first, arguments, line, skips=1)
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
                self.asks_bool(node)
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
            else self.memory_by_default()
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
        return Tensor(memory, self.asks_bool(node), _rank(node, name))

    def _from_data(self, node: ast.Call, path: str, name: str, arguments: Arguments, line: int) -> Value:
        """`torch.tensor` and `torch.as_tensor`."""
        device_node = self.named_argument(node, "device")
        device = arguments.named.get("device")
        data = arguments.get(0, "data") or UNKNOWN
        source = as_tensor(data)
        if device_node is None or device == NONE:
            memory = self.memory_by_default()
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
            memory, self.asks_bool(node) if self.named_argument(node, "dtype") is not None else None, rank
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
        group = self.named_argument(node, "group") or (node.args[-1] if node.args else None)
        is_on_host = group is not None and _HOST_GROUP.search(self.text(group)) is not None
        harmless = "the group of processes talks over the host" if is_on_host else ""
        if path in names.SYNCS:
            self.site(node, path, "sync", "waits", line=line, harmless=harmless)
        elif name in names.OBJECT_COLLECTIVES:
            self.site(
                node,
                path,
                "d2h",
                "waits",
                line=line,
                host="pageable",
                harmless=harmless,
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
            function = self.program.globals.value(*known)
            if isinstance(function, Func):
                return self.edge(function, arguments, line_of_call(node))
        return Tensor(together(*given) if given else None)


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
