"""One call of the runtime or the driver that a program made, as far as captures are concerned: the same on every device."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from imp_graphcheck.device.stack import RawStack

HostMemory = Literal["pageable", "pinned"]
Direction = Literal["h2d", "d2h", "d2d"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedCall:
    """One call. `result` is the runtime's error number, 0 for success, and `error` its name.

    `stream` is the one that the call names, or, for a call that asks about an event, the one where the event was recorded
    last; `event` names that event among its like. `capturing`: that stream takes part in a capture. `content` is a fingerprint of the host memory at `host_address`
    that an upload reads, taken when the call was made. `caller` is the shared library that made the call, where that is
    known: torch does some things differently while it captures.
    """

    name: str
    stream: int
    thread: str
    result: int = 0
    error: str = ""
    size_bytes: int | None = None
    direction: Direction | None = None
    host: HostMemory | None = None
    host_address: int | None = None
    content: int | None = None
    capturing: bool = False
    event: int | None = None
    caller: str = ""
    detail: str = ""
    stack: RawStack = ()


def _nothing() -> None: ...


@dataclass(slots=True, kw_only=True)
class CallRecording:
    """Calls in the order in which they returned. The list grows while the recording is active, from every thread.

    `traced_by` says in words what watched; `notes` what it cannot see.
    """

    traced_by: str
    calls: list[TracedCall] = field(default_factory=list)
    notes: tuple[str, ...] = ()
    on_settle: Callable[[], None] = _nothing

    def settle(self) -> None:
        """Find out about the calls so far what nobody may ask a driver while a stream captures. Never called then."""
        self.on_settle()
