"""The calls of a body that a capture minds: which API, which way a copy goes, on which stream."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from imp_graphcheck.apis import ApiCall, find_call
from imp_graphcheck.record.audit import CallClass, HostMemory
from imp_graphcheck.source.cpp.facts import Call, Function
from imp_graphcheck.source.cpp.index import Index
from imp_graphcheck.source.cpp.types import parse_type
from imp_graphcheck.source.cpp.words import words

_LEGACY_STREAMS = frozenset(
    {"", "0", "nullptr", "NULL", "cudaStreamLegacy", "cudaStreamDefault", "(cudaStream_t)0"}
)
DIRECTIONS: dict[str, CallClass | None] = {
    "HostToDevice": "h2d",
    "DeviceToHost": "d2h",
    "DeviceToDevice": "d2d",
    "HostToHost": None,
}
_THRUST_WAITS = words(
    "reduce transform_reduce inner_product count count_if sort sort_by_key stable_sort stable_sort_by_key unique unique_by_key "
    "unique_copy copy_if remove remove_if remove_copy_if partition partition_copy inclusive_scan exclusive_scan "
    "inclusive_scan_by_key exclusive_scan_by_key reduce_by_key min_element max_element minmax_element find find_if any_of "
    "all_of none_of equal copy fill transform for_each sequence gather scatter generate tabulate replace replace_if swap_ranges "
    "upper_bound lower_bound merge set_intersection set_union set_difference adjacent_difference iota"
)
_ON_HOST = re.compile(r"thrust::(seq|host)\b|host_vector")
_TENSOR_METHODS: dict[str, tuple[str, CallClass]] = {
    "item": ("Tensor::item", "d2h"),
    "cpu": ("Tensor::cpu", "d2h"),
    "nonzero": ("Tensor::nonzero", "sync"),
    "masked_select": ("Tensor::masked_select", "sync"),
    "is_nonzero": ("Tensor::is_nonzero", "d2h"),
    "equal": ("Tensor::equal", "d2h"),
}
_STACK = re.compile(r"^(\([^()]*\)\s*)?&\s*\w+$|\.data\(\)$|\.c_str\(\)$|^\w+\.begin\(\)$|^&\w+\[0\]$")
_HOST_NAME = re.compile(r"(^|[^a-z])(h_|host|cpu|pinned)|_h$|_host$|_cpu$", re.IGNORECASE)
_DEVICE_NAME = re.compile(r"(^|[^a-z])(d_|dev|gpu|device)|_d$|_dev$|_gpu$|_device$", re.IGNORECASE)
_PINNED_NAME = re.compile(r"pinned|page_?locked", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Found:
    """One call that a capture minds."""

    call: Call
    api: ApiCall
    kind: CallClass
    host: HostMemory | None = None
    note: str = ""


class Finder:
    """Finds sites in bodies. `pinned` are names that somewhere in the tree are given pinned memory."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._pinned = frozenset(_pinned_names(index))

    def sites(self, function: Function, calls: Sequence[Call]) -> Iterator[Found]:
        """The sites among `calls`, which are those of `function` and of its macros."""
        if function.is_device:
            return
        for call in calls:
            found = self._site(call, function)
            if found is not None:
                yield found

    def _site(self, call: Call, function: Function) -> Found | None:
        if call.kind == "construct":
            return self._made(call)
        if call.kind != "call":
            return None
        if call.receiver is not None:
            return self._method(call, function)
        if call.scope and call.scope[0] == "thrust":
            return _thrust(call)
        if call.scope not in ((), ("",)):
            return None
        api = find_call(call.name)
        if api is None or any(call.name in here.locals for here in self._index.around(function)):
            return None
        if call.scope == () and any(
            call.name in here.methods
            for own in self._index.own_class(function)
            for here in self._index.bases_of(own)
        ):
            return None  # a method of this name
        if api.kind in ("memset", "alloc", "free", "h2d", "d2h", "d2d") or api.kind is None:
            return self._memory(call, api, function)
        return Found(call, _on_its_stream(api, call), api.kind)

    def _memory(self, call: Call, api: ApiCall, function: Function) -> Found | None:
        api = _on_its_stream(api, call)
        if api.kind is not None and api.kind not in ("h2d", "d2h"):
            return Found(call, api, api.kind)
        source, target = _argument(call, api.source_argument), _argument(call, api.target_argument)
        note = ""
        kind: CallClass | None = api.kind
        if kind is None:
            words = _argument(call, api.direction_argument)
            direction = next((each for each in DIRECTIONS if words.endswith(each)), None)
            if direction is None and words.endswith("HostToHost"):
                return None
            if direction is not None:
                kind = DIRECTIONS[direction]
                if kind is None:
                    return None
            elif "Symbol" in api.name and not words:
                kind = "d2h" if "From" in api.name else "h2d"
            else:
                kind = _guessed(source, target)
                note = f"which way it goes is decided at run time ({words or 'not given'})"
        host_side = source if kind == "h2d" else target if kind == "d2h" else ""
        return Found(call, api, kind, self._host_memory(host_side, function) if host_side else None, note)

    def _host_memory(self, words: str, function: Function) -> HostMemory | None:
        name = re.sub(r"^\([^()]*\)\s*", "", words).split("+")[0].strip()
        last = re.split(r"\.|->|::", name.removesuffix(".data()").removesuffix(".get()"))[-1].strip("&*()[] ")
        last = last.split("[")[0]
        if last in self._pinned or _PINNED_NAME.search(name):
            return "pinned"
        if _STACK.search(words):
            kind = self._index.type_of(("name", (), last), function)
            if "pinned" in kind.lower():
                return "pinned"
            return "pageable"
        return None

    def _method(self, call: Call, function: Function) -> Found | None:
        if call.name == "DeviceAllocate":
            return Found(
                call,
                ApiCall(
                    name="cub::CachingDeviceAllocator::DeviceAllocate", kind="alloc", in_capture="unsafe"
                ),
                "alloc",
            )
        if call.name == "DeviceFree":
            return Found(
                call,
                ApiCall(name="cub::CachingDeviceAllocator::DeviceFree", kind="free", in_capture="unsafe"),
                "free",
            )
        if call.name not in _TENSOR_METHODS and call.name not in ("synchronize", "query"):
            return None
        assert call.receiver is not None
        kind = parse_type(self._index.type_of(call.receiver, function)).name
        if call.name in _TENSOR_METHODS and kind == "Tensor":
            name, its_class = _TENSOR_METHODS[call.name]
            return Found(call, ApiCall(name=name, kind=its_class, in_capture="waits"), its_class)
        if kind in ("CUDAStream", "CUDAEvent") or (not kind and "getCurrentCUDAStream" in str(call.receiver)):
            its_class = "sync" if call.name == "synchronize" else "query"
            return Found(
                call,
                ApiCall(name=f"{kind or 'CUDAStream'}::{call.name}", kind=its_class, in_capture="waits"),
                its_class,
            )
        return None

    def _made(self, call: Call) -> Found | None:
        kind = parse_type(call.name)
        if kind.path[-2:] == ("thrust", "device_vector") or kind.name == "device_vector":
            return Found(
                call, ApiCall(name="thrust::device_vector", kind="alloc", in_capture="unsafe"), "alloc"
            )
        return None


def _thrust(call: Call) -> Found | None:
    words = " ".join(call.arguments)
    if call.name not in _THRUST_WAITS or _ON_HOST.search(words):
        return None
    api = ApiCall(name=f"thrust::{call.name}", kind="sync", in_capture="waits")
    if "par_nosync" in words:
        return Found(
            call, replace(api, kind="alloc", in_capture="unsafe"), "alloc", note="it takes temporary memory"
        )
    return Found(call, api, "sync", note="it waits for its stream, and may take temporary memory")


def _on_its_stream(api: ApiCall, call: Call) -> ApiCall:
    """A call without a stream goes to the legacy one, which no capture records."""
    if api.in_capture != "recorded" or api.stream_argument is None:
        return api
    if api.kind in ("xstream", "callback"):
        return api
    words = _argument(call, api.stream_argument).replace(" ", "")
    return replace(api, in_capture="legacy") if words in _LEGACY_STREAMS else api


def _argument(call: Call, position: int | None) -> str:
    return call.arguments[position] if position is not None and position < len(call.arguments) else ""


def _guessed(source: str, target: str) -> CallClass:
    if _STACK.search(source) or _HOST_NAME.search(source):
        return "h2d"
    if _STACK.search(target) or _HOST_NAME.search(target):
        return "d2h"
    if _DEVICE_NAME.search(source) and _DEVICE_NAME.search(target):
        return "d2d"
    return "h2d"


def _pinned_names(index: Index) -> Iterator[str]:
    for function in index.functions:
        for call in function.calls:
            if call.name in (
                "cudaMallocHost",
                "cudaHostAlloc",
                "cuMemHostAlloc",
                "cuMemAllocHost",
                "cudaHostRegister",
            ):
                words = _argument(call, 0)
                last = re.split(r"\.|->|::|&", words.split("[")[0])[-1].strip("*() ")
                if last.isidentifier():
                    yield last
