"""What can be said of calls without CUPTI: by the operators that torch is asked for, and by its own warnings.

Every operator of which it is known that it copies between host and device, waits, or pins memory stands for the calls that
torch makes for it. Explicit waits and questions go through torch's Python classes, which are wrapped. What is left are waits
that torch warns of (`torch.cuda.set_sync_debug_mode`). Calls of other libraries are not seen, nor are other threads' operators.
"""

import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from imp_graphcheck.apis.torch_manners import TORCH_COPIES
from imp_graphcheck.device.cuda.error_codes import BY_NUMBER
from imp_graphcheck.device.host_content import host_content
from imp_graphcheck.device.operator_mode import OperatorMode
from imp_graphcheck.device.stack import RawStack, belongs_to_program, take_stack
from imp_graphcheck.device.traced_call import CallRecording, TracedCall

TRACED_BY = "torch's operators and its warnings of waits (cupti-python is not there)"
UNSEEN = (
    "calls of libraries other than torch, and operators of other threads, are not seen without cupti-python"
)

_WARNING = "called a synchronizing CUDA operation"
_ANSWERS_HOST = frozenset(
    {"aten::_local_scalar_dense", "aten::nonzero", "aten::masked_select", "aten::equal", "aten::is_nonzero"}
    | {"aten::_unique2", "aten::unique_dim", "aten::unique_consecutive", "aten::bincount"}
)
_COPIES = frozenset({"aten::copy_", "aten::_to_copy"})

_WRAPPED: tuple[tuple[str, str, str], ...] = (
    ("", "synchronize", "cudaDeviceSynchronize"),
    ("Stream", "synchronize", "cudaStreamSynchronize"),
    ("Stream", "query", "cudaStreamQuery"),
    ("Stream", "wait_event", "cudaStreamWaitEvent"),
    ("Event", "record", "cudaEventRecord"),
    ("Event", "wait", "cudaStreamWaitEvent"),
    ("Event", "query", "cudaEventQuery"),
    ("Event", "synchronize", "cudaEventSynchronize"),
)
"""Class of torch.cuda (none for a function of the module), method, and the call that it makes."""


class AtenTrace(OperatorMode):
    """One recording. `device` is the type whose copies and waits count, `module` torch's module of it."""

    def __init__(self, device: str, module: Any, stream_number: Callable[[], int]) -> None:
        super().__init__()
        self.recording = CallRecording(traced_by=TRACED_BY, notes=(UNSEEN,))
        self._device = device
        self._module = module
        self._stream_number = stream_number
        self._accounted = threading.local()
        """The place of the last wait that an operator stands for. Torch warns of it once the operator has returned."""

    @contextmanager
    def active(self) -> Iterator[CallRecording]:
        """Calls are recorded in the block."""
        mode = self._module.get_sync_debug_mode()
        with self._wrapped(), warnings.catch_warnings():
            warnings.filterwarnings("always", message=_WARNING)
            self._listen()
            self._module.set_sync_debug_mode("warn")
            try:
                with self:
                    yield self.recording
            finally:
                self._module.set_sync_debug_mode(mode)

    def see(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        made = self._calls_of(func._schema.name, args, kwargs)
        if not made:
            return func(*args, **kwargs)
        stack = take_stack(3)
        if any(name == "cudaStreamSynchronize" for name, _ in made):
            self._accounted.place = _innermost(stack)
        error: Exception | None = None
        try:
            return func(*args, **kwargs)
        except Exception as raised:
            error = raised
            raise
        finally:
            self._tell(made, error, str(func), stack)
            del error

    def _tell(
        self, made: list[tuple[str, dict[str, Any]]], error: Exception | None, op: str, stack: RawStack
    ) -> None:
        number = getattr(error, "error_code", 0) if error is not None else 0
        if error is not None and not number:
            return  # torch refused it by itself, and made no call
        for position, (name, facts) in enumerate(made):
            # A copy can be recorded; what is refused is the wait behind it.
            result = number if position == len(made) - 1 else 0
            self._add(name, result=result, detail=op, stack=stack, caller=TORCH_COPIES, **facts)

    def _calls_of(
        self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> list[tuple[str, dict[str, Any]]]:
        first = args[0] if args and isinstance(args[0], torch.Tensor) else None
        if name in _ANSWERS_HOST and self._is_ours(first):
            assert first is not None
            facts: dict[str, Any] = {"direction": "d2h", "host": "pinned"}
            if name == "aten::_local_scalar_dense":
                facts["size_bytes"] = first.element_size()
            return [("cudaMemcpyAsync", facts), ("cudaStreamSynchronize", {})]
        if name in ("aten::index", "aten::_index_put_impl_", "aten::index_put_", "aten::index_put"):
            masks = (each for each in args[1] if isinstance(each, torch.Tensor))
            if any(self._is_ours(each) and each.dtype in (torch.bool, torch.uint8) for each in masks):
                return [
                    ("cudaMemcpyAsync", {"direction": "d2h", "host": "pinned"}),
                    ("cudaStreamSynchronize", {}),
                ]
            return []
        if name == "aten::lift_fresh" and self._is_ours(first) and first is not None:
            # `torch.tensor(value, device=...)` hides its upload from dispatch modes; torch warns of the wait behind it.
            size = first.numel() * first.element_size()
            return [("cudaMemcpyAsync", {"direction": "h2d", "host": "pageable", "size_bytes": size})]
        if name in _COPIES:
            return self._copy(name, args, kwargs)
        if name == "aten::_pin_memory" and first is not None:
            size = first.numel() * first.element_size()
            return [("cudaHostAlloc", {"size_bytes": size, "host": "pinned"})]
        return []

    def _copy(
        self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> list[tuple[str, dict[str, Any]]]:
        source: torch.Tensor = args[1] if name == "aten::copy_" else args[0]
        other = (
            args[0].device if name == "aten::copy_" else torch.device(kwargs.get("device") or source.device)
        )
        blocking = not (kwargs.get("non_blocking") or (name == "aten::copy_" and len(args) > 2 and args[2]))
        size = source.numel() * source.element_size()
        if source.device.type == "cpu" and other.type == self._device and size:
            dense = source if source.is_contiguous() else source.contiguous()
            facts: dict[str, Any] = {
                "direction": "h2d",
                "host": "pinned" if source.is_pinned() else "pageable",
                "host_address": source.data_ptr(),
                "content": host_content(dense.data_ptr(), size),
            }
        elif source.device.type == self._device and other.type == "cpu" and size:
            target = args[0] if name == "aten::copy_" else None
            # A download that nobody waits for goes into pinned memory of torch's own.
            pinned = target.is_pinned() if target is not None else not blocking
            facts = {"direction": "d2h", "host": "pinned" if pinned else "pageable"}
        else:
            return []
        copy = ("cudaMemcpyAsync", {**facts, "size_bytes": size})
        return [copy, ("cudaStreamSynchronize", {})] if blocking else [copy]

    def _is_ours(self, tensor: torch.Tensor | None) -> bool:
        return tensor is not None and tensor.device.type == self._device

    def _add(self, name: str, *, result: int = 0, **facts: Any) -> None:
        capturing = bool(self._module.is_current_stream_capturing())
        self.recording.calls.append(
            TracedCall(
                name=name,
                thread=threading.current_thread().name,
                result=result,
                error=BY_NUMBER[result].name if result in BY_NUMBER else "",
                **{"stream": self._stream_number(), "capturing": capturing, **facts},
            )
        )

    def _listen(self) -> None:
        """Waits that torch warns of, at the line that its warning would name."""
        shown = warnings.showwarning

        def show(message: Warning | str, *rest: Any, **options: Any) -> None:
            if _WARNING not in str(message):
                shown(message, *rest, **options)
                return
            # Between the warning and us is one frame of Python's own.
            stack = take_stack(3)
            accounted, self._accounted.place = getattr(self._accounted, "place", None), None
            if accounted is None or accounted != _innermost(stack):
                self._add("cudaStreamSynchronize", detail="torch warns of it", stack=stack)

        warnings.showwarning = show

    @contextmanager
    def _wrapped(self) -> Iterator[None]:
        """Torch's Python classes tell of the calls that they make; they are as before at the end."""
        before: list[tuple[Any, str, Any]] = []
        try:
            for class_name, method, call in _WRAPPED:
                owner = getattr(self._module, class_name) if class_name else self._module
                before.append((owner, method, owner.__dict__[method]))
                setattr(owner, method, self._telling(getattr(owner, method), call, class_name))
            yield
        finally:
            for owner, method, function in reversed(before):
                setattr(owner, method, function)

    def _telling(self, function: Callable[..., Any], call: str, class_name: str) -> Callable[..., Any]:
        def told(*args: Any, **kwargs: Any) -> Any:
            facts = self._subject(call, class_name, args, kwargs)
            try:
                answer = function(*args, **kwargs)
            except Exception as error:
                number = getattr(error, "error_code", 0)
                if number:
                    self._add(call, result=number, stack=take_stack(2), **facts)
                raise
            self._add(call, result=600 if answer is False else 0, stack=take_stack(2), **facts)
            return answer

        return told

    def _subject(
        self, call: str, class_name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> dict[str, Any]:
        """Which stream and which event a call is about."""
        words = [*args, *kwargs.values()]
        streams = [each for each in words if isinstance(each, self._module.Stream)]
        events = [each for each in words if isinstance(each, self._module.Event)]
        facts: dict[str, Any] = {}
        if streams:
            facts["stream"] = int(getattr(streams[0], "cuda_stream", streams[0].stream_id))
        elif not class_name or call in ("cudaEventQuery", "cudaEventSynchronize"):
            facts["stream"] = 0
        if events:
            facts["event"] = id(events[0])
        return facts


def _innermost(stack: RawStack) -> tuple[int, int] | None:
    """The instruction of the program that a stack ends at."""
    if not stack:
        return None
    at = (
        (id(code), instruction)
        for code, instruction in zip(*stack, strict=True)
        if belongs_to_program(code.co_filename)
    )
    return next(at, None)
