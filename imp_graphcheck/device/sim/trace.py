"""The call trace: every driver-level call that the software GPU stands for, in order."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from imp_graphcheck.device.sim.errors import NOT_READY, RuntimeCode, SimError, SimLibraryError
from imp_graphcheck.device.stack import RawStack, take_stack
from imp_graphcheck.device.traced_call import TracedCall


class CallTrace:
    """Collects calls while at least one `recording` is active; costs next to nothing otherwise."""

    def __init__(self) -> None:
        self._listeners: list[list[TracedCall]] = []

    @property
    def is_recording(self) -> bool:
        """Whether anybody listens."""
        return bool(self._listeners)

    @contextmanager
    def recording(self, calls: list[TracedCall] | None = None) -> Iterator[list[TracedCall]]:
        """The list (a new one, or `calls`) fills while the context is active and stays with the caller afterwards."""
        calls = [] if calls is None else calls
        self._listeners.append(calls)
        try:
            yield calls
        finally:
            self._listeners[:] = [listener for listener in self._listeners if listener is not calls]

    def calling(self, name: str, *, stack: RawStack = (), skip: int = 2, **facts: Any) -> "Calling":
        """A call of the runtime, made in the block where `stack` says or else by the caller's caller (`skip` frames up).

        It is noted when the block ends, with the error that it ends in. `facts` are fields of `TracedCall`.
        """
        if not self._listeners:
            return Calling(None, name, facts)
        return Calling(self, name, {**facts, "stack": stack or take_stack(skip)})

    def add(self, name: str, *, stack: RawStack = (), **facts: Any) -> None:
        """Note one call that succeeded, made where `stack` says or else by the caller's caller."""
        if self._listeners:
            self.note(name, None, {**facts, "stack": stack or take_stack(2)})

    def note(self, name: str, code: RuntimeCode | None, facts: dict[str, Any]) -> None:
        """Tell everybody who listens."""
        thread = threading.current_thread().name
        failed = {} if code is None else {"result": code.number, "error": code.name}
        call = TracedCall(name=name, **{"stream": 0, "thread": thread, **failed, **facts})
        for listener in self._listeners:
            listener.append(call)


class Calling:
    """One call under way. `facts` may be added to until it ends.

    No generator: one that is thrown an error keeps it, and with it the tensors of the program, until the garbage collector
    comes by.
    """

    __slots__ = ("_answer", "_name", "_trace", "facts")

    def __init__(self, trace: CallTrace | None, name: str, facts: dict[str, Any]) -> None:
        self._trace, self._name, self.facts = trace, name, facts
        self._answer: RuntimeCode | None = None

    def __enter__(self) -> "Calling":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._trace is not None:
            code = error.code if isinstance(error, SimError | SimLibraryError) else self._answer
            self._trace.note(self._name, code, self.facts)

    def answered(self, is_ready: bool) -> bool:
        """A question whether work is done was answered; the runtime says no by an error number."""
        self._answer = None if is_ready else NOT_READY
        return is_ready
