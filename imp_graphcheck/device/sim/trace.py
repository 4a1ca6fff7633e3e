"""The call trace: every driver-level call that the software GPU stands for, in order."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from imp_graphcheck.device.stack import RawStack, take_stack

HostMemory = Literal["pageable", "pinned"]
Direction = Literal["h2d", "d2h", "d2d"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedCall:
    """One call. `result` is the runtime's error number, 0 for success."""

    name: str
    stream: int
    thread: str
    result: int = 0
    size_bytes: int | None = None
    direction: Direction | None = None
    host: HostMemory | None = None
    capturing: bool = False
    detail: str = ""
    stack: RawStack = ()


class CallTrace:
    """Collects calls while at least one `recording` is active; costs nothing otherwise."""

    def __init__(self) -> None:
        self._listeners: list[list[TracedCall]] = []

    @property
    def is_recording(self) -> bool:
        """Whether anybody listens."""
        return bool(self._listeners)

    @contextmanager
    def recording(self) -> Iterator[list[TracedCall]]:
        """The list fills while the context is active and stays with the caller afterwards."""
        calls: list[TracedCall] = []
        self._listeners.append(calls)
        try:
            yield calls
        finally:
            self._listeners[:] = [listener for listener in self._listeners if listener is not calls]

    def add(
        self,
        name: str,
        *,
        stream: int = 0,
        result: int = 0,
        size_bytes: int | None = None,
        direction: Direction | None = None,
        host: HostMemory | None = None,
        capturing: bool = False,
        detail: str = "",
        stack: RawStack = (),
    ) -> None:
        """Note one call of the runtime, made where `stack` says or else by the caller's caller."""
        if not self._listeners:
            return
        call = TracedCall(
            name=name,
            stream=stream,
            thread=threading.current_thread().name,
            result=result,
            size_bytes=size_bytes,
            direction=direction,
            host=host,
            capturing=capturing,
            detail=detail,
            stack=stack or take_stack(2),
        )
        for listener in self._listeners:
            listener.append(call)
