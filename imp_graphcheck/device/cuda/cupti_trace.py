"""Traces calls through CUPTI: callbacks for the calls that matter to a capture, and for no other.

Each is enabled by itself: a callback in Python costs some microseconds, which no launch of a kernel has to pay. The callback
looks at arguments and stacks only. It never calls the driver, which a capture in progress might refuse.
"""

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from imp_graphcheck.apis import ApiCall, find_call
from imp_graphcheck.device.cuda.error_codes import BY_NUMBER
from imp_graphcheck.device.cuda.host_kind import AskKind
from imp_graphcheck.device.cuda.native_caller import FindCaller, NativeCaller
from imp_graphcheck.device.host_content import host_content
from imp_graphcheck.device.stack import take_stack
from imp_graphcheck.device.traced_call import CallRecording, Direction, HostMemory, TracedCall

TRACED_BY = "CUPTI callbacks"

_WINDOW = ("StreamBeginCapture", "StreamBeginCaptureToGraph", "StreamEndCapture", "GraphLaunch")
_DIRECTIONS: dict[int, Direction] = {1: "h2d", 2: "d2h", 3: "d2d"}
_ASKS_CALLER = ("h2d", "d2h", "alloc", "free", "sync", "query", "handle", None)
_PINS = ("cudaHostAlloc", "cudaMallocHost", "cuMemHostAlloc", "cuMemAllocHost")
_UNPINS = ("cudaFreeHost", "cuMemFreeHost")
_ENTER = 0


class CuptiUnusableError(RuntimeError):
    """CUPTI is installed and will not serve: another tool has it, or it does not fit the driver. One sentence."""


@dataclass(frozen=True, slots=True)
class _Traced:
    """What a callback id stands for. `call` is None for what opens and closes captures and launches graphs."""

    name: str
    call: ApiCall | None


class CuptiTrace:
    """One recording. `cupti` is the module of cupti-python."""

    def __init__(self, cupti: Any, find_caller: FindCaller, ask_kind: AskKind) -> None:
        self.recording = CallRecording(traced_by=TRACED_BY, on_settle=self._settle)
        self._cupti = cupti
        self._find_caller = find_caller
        self._ask_kind = ask_kind
        self._traced = {
            (int(domain), int(number)): traced
            for domain, ids in _ids_by_domain(cupti)
            for number in ids
            if (traced := _traced(number.name)) is not None
        }
        self._depth = threading.local()
        self._captures = _Captures()
        self._recorded_on: dict[int, int] = {}
        self._pinned: list[range] = []
        self._undecided: dict[int, tuple[int, int]] = {}
        """Source and target of copies that the recording holds, until it is settled."""
        self._settled = 0
        self._troubled = False

    @contextmanager
    def active(self) -> Iterator[CallRecording]:
        """Calls are recorded in the block. Raises CuptiUnusableError."""
        try:
            subscriber = self._cupti.subscribe(self._callback, None)
        except Exception as error:
            raise CuptiUnusableError(f"CUPTI does not start: {_line(error)}") from error
        try:
            for domain, number in self._traced:
                self._cupti.enable_callback(1, subscriber, domain, number)
            yield self.recording
        finally:
            self._cupti.unsubscribe(subscriber)

    def _callback(self, _userdata: object, domain: int, number: int, data: Any) -> None:
        """Called before and after each call, in the thread that makes it. The driver's calls below the runtime's count with it."""
        try:
            depth = getattr(self._depth, "calls", 0)
            told = _CallbackData.from_address(int(data.ptr))
            if told.callback_site == _ENTER:
                self._depth.calls = depth + 1
                return
            # The trace may have begun in the middle of a call.
            self._depth.calls = max(depth - 1, 0)
            if depth == 1:
                self._note(self._traced[int(domain), int(number)], told)
        except Exception as error:  # noqa: BLE001 - nobody above it is ours: it goes into the record
            self._trouble(f"a traced call could not be read: {_line(error)}")

    def _note(self, traced: _Traced, told: "_CallbackData") -> None:
        arguments, result = told.function_params, _result(told.function_return_value or 0)
        if traced.call is None:
            stream = _argument(arguments, 1 if traced.name.endswith("GraphLaunch") else 0)
            found = TracedCall(
                name=traced.name,
                stream=stream,
                thread=threading.current_thread().name,
                result=result,
                error=_error_name(result),
                capturing=stream in self._captures,
                stack=take_stack(3),
            )
        else:
            found = self._read(traced.call, arguments, result)
        self._captures.follow(found)
        self.recording.calls.append(found)

    def _read(self, call: ApiCall, arguments: int, result: int) -> TracedCall:
        def argument(position: int | None) -> int | None:
            return None if position is None else _argument(arguments, position)

        event, stream = argument(call.event_argument), argument(call.stream_argument) or 0
        if event is not None and call.stream_argument is None:
            stream = self._recorded_on.get(event, 0)
        elif event is not None and call.name.startswith(("cudaEventRecord", "cuEventRecord")) and not result:
            self._recorded_on[event] = stream
        size, direction = argument(call.bytes_argument), _direction(call, argument(call.direction_argument))
        host = argument(call.source_argument if direction == "h2d" else call.target_argument)
        has_host = direction in ("h2d", "d2h") and host is not None
        caller = self._find_caller() if (direction or call.kind) in _ASKS_CALLER else NativeCaller()
        through = find_call(caller.entry)
        is_handle = through is not None and through.kind == "handle"
        if not result:
            self._follow_pinned(call, arguments, size)
        found = TracedCall(
            name=through.name if through is not None and is_handle else call.name,
            stream=stream,
            thread=threading.current_thread().name,
            result=result,
            error=_error_name(result),
            size_bytes=None if is_handle else size,
            direction=direction,
            host="pinned" if call.name in _PINS else self._known_kind(host) if has_host and host else None,
            host_address=host if has_host else None,
            content=host_content(host, size) if direction == "h2d" and host and size and not result else None,
            capturing=self._captures.concern(call, stream, event),
            event=event,
            caller=caller.library,
            detail=call.name if is_handle else "",
            stack=take_stack(4),
        )
        if call.kind is None and direction is None and call.source_argument is not None:
            self._undecided[id(found)] = (
                argument(call.source_argument) or 0,
                argument(call.target_argument) or 0,
            )
        return found

    def _follow_pinned(self, call: ApiCall, arguments: int, size: int | None) -> None:
        if call.name in _PINS and size:
            start = ctypes.c_uint64.from_address(_argument(arguments, 0)).value
            self._pinned.append(range(start, start + size))
        elif call.name in _UNPINS:
            gone = _argument(arguments, 0)
            self._pinned = [block for block in self._pinned if block.start != gone]

    def _known_kind(self, address: int) -> HostMemory | None:
        return "pinned" if any(address in block for block in self._pinned) else None

    def _settle(self) -> None:
        """Ask for what the arguments did not tell: what host memory is, and which way a copy goes that leaves it to the driver."""
        calls, untold = self.recording.calls, 0
        for index in range(self._settled, len(calls)):
            call = calls[index]
            known = find_call(call.name)
            if call.host_address is not None and call.host is None:
                calls[index] = replace(call, host=self._ask_kind(call.host_address) or "pinned")
            elif known is not None and known.kind is None and call.direction is None:
                told = self._direction_of(call)
                calls[index] = replace(call, **told)
                untold += not told
        self._settled = len(calls)
        if untold:
            self._trouble(
                f"{untold} copies do not tell their direction (3-D, or left to the driver) and are left out"
            )

    def _direction_of(self, call: TracedCall) -> dict[str, Any]:
        """What the driver knows of both ends of a copy whose direction was left to it."""
        ends = self._undecided.pop(id(call), None)
        if ends is None:
            return {}
        source, target = map(self._ask_kind, ends)
        if source is None:
            if target is None:
                return {"direction": "d2d"}
            return {"direction": "d2h", "host": target, "host_address": ends[1]}
        return {} if target is not None else {"direction": "h2d", "host": source, "host_address": ends[0]}

    def _trouble(self, text: str) -> None:
        if not self._troubled:
            self._troubled = True
            self.recording.notes = (*self.recording.notes, text)


class _CallbackData(ctypes.Structure):
    """The head of CUpti_CallbackData (cupti_callbacks.h). The class of cupti-python leaves `function_params` out."""

    _fields_ = (
        ("callback_site", ctypes.c_int),
        ("function_name", ctypes.c_void_p),
        ("function_params", ctypes.c_void_p),
        ("function_return_value", ctypes.c_void_p),
    )


class _Captures:
    """Which streams take part in a capture, told by the calls themselves."""

    def __init__(self) -> None:
        self._origin: dict[int, int] = {}
        self._events: dict[int, int] = {}

    def __contains__(self, stream: int) -> bool:
        return stream in self._origin

    def concern(self, call: ApiCall, stream: int, event: int | None) -> bool:
        """Whether `call` is about work of a capture."""
        if event is not None and not call.name.startswith(("cudaEventRecord", "cuEventRecord")):
            return event in self._events
        return stream in self._origin

    def follow(self, call: TracedCall) -> None:
        """`call` was made."""
        name = call.name.removeprefix("cuda").removeprefix("cu")
        if name.startswith("StreamEndCapture"):
            ended = call.stream
            self._origin = {stream: origin for stream, origin in self._origin.items() if origin != ended}
            self._events = {event: origin for event, origin in self._events.items() if origin != ended}
        elif call.result:
            return
        elif name.startswith("StreamBeginCapture"):
            self._origin[call.stream] = call.stream
        elif call.event is not None and name.startswith("EventRecord"):
            if call.stream in self._origin:
                self._events[call.event] = self._origin[call.stream]
            else:
                self._events.pop(call.event, None)
        elif call.event is not None and name.startswith("StreamWaitEvent") and call.event in self._events:
            self._origin[call.stream] = self._events[call.event]


def _ids_by_domain(cupti: Any) -> list[tuple[int, Any]]:
    return [
        (cupti.CallbackDomain.RUNTIME_API, cupti.runtime_api_trace_cbid),
        (cupti.CallbackDomain.DRIVER_API, cupti.driver_api_trace_cbid),
    ]


def _traced(name: str) -> _Traced | None:
    """What the callback id called `name` stands for; None for a call that is no matter here."""
    call = find_call(name)
    if call is not None:
        return _Traced(call.name, call)
    for prefix in ("cuda", "cu"):
        for window in _WINDOW:
            plain = prefix + window
            if name == plain or (name.startswith(f"{plain}_") and not name.endswith("Cig")):
                return _Traced(plain, None)
    return None


def _direction(call: ApiCall, kind: int | None) -> Direction | None:
    if call.kind in ("h2d", "d2h", "d2d"):
        return call.kind
    return None if kind is None else _DIRECTIONS.get(kind & 0xFFFFFFFF)


def _argument(arguments: int, position: int) -> int:
    """The argument at `position`. CUPTI hands over a struct in which each takes eight bytes, as far as we look."""
    return ctypes.c_uint64.from_address(arguments + 8 * position).value


def _result(address: int) -> int:
    return ctypes.c_int.from_address(address).value if address else 0


def _error_name(result: int) -> str:
    return "" if result == 0 else BY_NUMBER[result].name if result in BY_NUMBER else "error"


def _line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__
