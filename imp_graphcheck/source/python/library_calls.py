"""Streams, events, other libraries of arrays, CUDA's own functions, and methods of what nobody knows."""

import ast
import re

from imp_graphcheck.apis import find_call
from imp_graphcheck.record.audit import CallClass
from imp_graphcheck.source.python import torch_names as names
from imp_graphcheck.source.python.arguments import Arguments
from imp_graphcheck.source.python.copies import memory_by_name
from imp_graphcheck.source.python.syntax import line_of_call
from imp_graphcheck.source.python.tensor_calls import TensorCalls
from imp_graphcheck.source.python.values import (
    ARRAY,
    DEVICE_TENSOR,
    NONE,
    NUMBER,
    UNKNOWN,
    Const,
    ExternalObject,
    Group,
    Object,
    Tensor,
    Value,
    as_tensor,
    is_host_value,
)

_COPY_KINDS: dict[str, CallClass] = {"HostToDevice": "h2d", "DeviceToHost": "d2h", "DeviceToDevice": "d2d"}


class LibraryCalls(TensorCalls):
    """Calls of objects of torch and of other libraries."""

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
            self.waits(node, f"Tensor.{name}", name, guess, arguments, line, skips=0)
            return Tensor()
        if name == "to" and count and not is_object:
            target, _ = self.target(node, name, arguments)
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
