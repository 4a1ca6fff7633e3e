"""One pass through the captured region, among the calls that were traced, and which of the calls are part of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from imp_graphcheck.apis import find_call
from imp_graphcheck.device.traced_call import TracedCall
from imp_graphcheck.record.audit import Phase

NOT_READY = 600
"""An answer, and no failure."""

_ENDS = "cudaStreamEndCapture"
_BEGINS = "cudaStreamBeginCapture"


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """Calls `first` up to `last` were made while `forward` ran for `key` in `thread`, on `stream` to begin with.

    `step` numbers the passes of one key in one phase.
    """

    phase: Phase
    key: str
    step: int
    first: int
    last: int
    thread: str
    stream: int

    def window(self, calls: Sequence[TracedCall]) -> range:
        """Where the region was being captured: what other threads do there is between its capture's begin and end."""
        if self.phase != "capture":
            return range(self.first, self.last)
        first, last = self.first, self.last
        while first > 0 and calls[first - 1].name != _BEGINS:
            first -= 1
        while last < len(calls) and not (calls[last].name == _ENDS and calls[last].thread == self.thread):
            last += 1
        return range(first, last)


@dataclass(slots=True, kw_only=True)
class Role:
    """What a call has to do with a region; see `Sighting`."""

    other_thread: bool = False
    captured_work: bool = False
    escaped: bool = False


@dataclass(slots=True)
class _Streams:
    """Which streams are part of the capture at some moment: its own, and those that waited for an event of one of them."""

    captured: set[int]
    events: dict[int, bool] = field(default_factory=dict)

    def follow(self, call: TracedCall) -> None:
        if call.event is None or call.result:
            return
        if call.name.startswith(("cudaEventRecord", "cuEventRecord")):
            self.events[call.event] = call.stream in self.captured
        elif call.name.startswith(("cudaStreamWaitEvent", "cuStreamWaitEvent")) and self.events.get(
            call.event
        ):
            self.captured.add(call.stream)

    def concerns(self, call: TracedCall) -> bool:
        if call.event is not None:
            return call.capturing or self.events.get(call.event, False)
        return call.capturing or call.stream in self.captured


def roles(region: Region, calls: Sequence[TracedCall]) -> dict[int, Role]:
    """The calls that belong to `region`, by index: those of its thread, and those of other threads meanwhile."""
    streams = _Streams({region.stream})
    found: dict[int, Role] = {}
    for index in region.window(calls):
        call = calls[index]
        in_thread = call.thread == region.thread
        if in_thread and not region.first <= index < region.last:
            continue  # torch's, around the region
        known = find_call(call.name)
        # Who asks for an event is not at work on the stream where somebody else recorded it.
        asks = call.event is not None and known is not None and known.in_capture == "waits"
        is_other = not in_thread and (asks or call.stream == 0 or call.stream not in streams.captured)
        records = known is not None and known.in_capture == "recorded" and known.kind != "xstream"
        found[index] = Role(
            other_thread=is_other,
            captured_work=streams.concerns(call),
            escaped=region.phase == "capture" and records and not is_other and not call.capturing,
        )
        streams.follow(call)
    return found


def first_failure(region: Region, calls: Sequence[TracedCall]) -> TracedCall | None:
    """The first call that failed while the region was captured, whoever made it."""
    for index in region.window(calls):
        if calls[index].result not in (0, NOT_READY):
            return calls[index]
    return None
