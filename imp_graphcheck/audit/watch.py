"""Turns traced calls into sightings, phase by phase."""

import threading
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator
from contextlib import contextmanager

from msgspec.structs import replace

from imp_graphcheck.apis import find_call
from imp_graphcheck.audit.place import place_of
from imp_graphcheck.audit.region import NOT_READY, Region, Role, first_failure, roles
from imp_graphcheck.audit.sighting import Sighting
from imp_graphcheck.device import Device
from imp_graphcheck.device.traced_call import CallRecording, TracedCall
from imp_graphcheck.record.audit import CallClass, Phase

_Upload = tuple[str, str, int, str, int]
"""Key, file, line and name of an upload, and which of those of its line it is in one pass."""


class Watch:
    """Follows a recording. `sightings` is what was seen up to the end of the last phase."""

    def __init__(self, device: Device, recording: CallRecording) -> None:
        self.sightings: tuple[Sighting, ...] = ()
        self._device = device
        self._recording = recording
        self._main = threading.current_thread().name
        self._phase: Phase = "elsewhere"
        self._regions: list[Region] = []
        self._steps: Counter[tuple[Phase, str]] = Counter()
        self._taken = len(recording.calls)

    @contextmanager
    def phase(self, name: Phase) -> Iterator[None]:
        """Calls in the block belong to this phase. Entered and left while no stream captures."""
        self._phase = name
        self._taken = len(self._recording.calls)
        try:
            yield
        finally:
            self._recording.settle()
            self._take()
            self._regions.clear()

    @contextmanager
    def region(self, key: Hashable) -> Iterator[None]:
        """The block is the captured region of `key`."""
        word = str(key)
        step = self._steps[self._phase, word]
        self._steps[self._phase, word] += 1
        first, stream = len(self._recording.calls), self._device.stream_number()
        try:
            yield
        finally:
            self._regions.append(
                Region(
                    phase=self._phase,
                    key=word,
                    step=step,
                    first=first,
                    last=len(self._recording.calls),
                    thread=threading.current_thread().name,
                    stream=stream,
                )
            )

    def failed_call(self) -> TracedCall | None:
        """The first call that failed while the last region was captured."""
        return first_failure(self._regions[-1], self._recording.calls) if self._regions else None

    def place(self, call: TracedCall) -> Sighting | None:
        """One call as a sighting of its own, without its role; None for one that concerns no capture, or is not the program's."""
        known = find_call(call.name)
        kind: CallClass | None = None if known is None else known.kind or call.direction
        site = None if kind is None else place_of(call.stack, is_main=call.thread == self._main)
        if site is None or kind is None:
            return None
        return Sighting(
            api=call.name,
            kind=kind,
            phase=self._phase,
            site=site,
            thread=call.thread,
            stream=_stream(call.stream),
            error=f"{call.result} {call.error}".strip() if call.result not in (0, NOT_READY) else "",
            host=call.host,
            caller=call.caller,
            bytes_total=call.size_bytes,
        )

    def _take(self) -> None:
        calls = self._recording.calls
        told: dict[int, tuple[Region, Role]] = {}
        for region in self._regions:
            told.update({index: (region, role) for index, role in roles(region, calls).items()})
        seen: dict[int, Sighting] = {}
        for index in range(self._taken, len(calls)):
            sighting = self.place(calls[index])
            if sighting is not None and index in told:
                region, role = told[index]
                sighting = replace(
                    sighting,
                    inside=True,
                    key=region.key,
                    other_thread=role.other_thread,
                    captured_work=role.captured_work,
                    escaped=role.escaped,
                )
            if sighting is not None:
                seen[index] = sighting
        changes = self._changes(seen, {index: region for index, (region, _) in told.items()})
        self.sightings += _merged(seen, told, changes)
        self._taken = len(calls)

    def _changes(self, seen: dict[int, Sighting], regions: dict[int, Region]) -> dict[int, bool | None]:
        """For each upload in an eager region, whether its content was another one at another step of the same key."""
        uploads: defaultdict[_Upload, dict[int, int | None]] = defaultdict(dict)
        places: dict[int, _Upload] = {}
        ordinals: Counter[tuple[str, int, str, int, str]] = Counter()
        for index, sighting in seen.items():
            region = regions.get(index)
            if sighting.kind != "h2d" or region is None or region.phase != "eager":
                continue
            here = (region.key, region.step, sighting.site.file, sighting.site.line, sighting.api)
            places[index] = (region.key, *here[2:], ordinals[here])
            ordinals[here] += 1
            uploads[places[index]][region.step] = self._recording.calls[index].content
        return {
            index: _differ(uploads[place], steps=self._steps["eager", place[0]])
            for index, place in places.items()
        }


def _stream(number: int) -> str:
    """A small number counts streams; a large one is a handle."""
    if number == 0:
        return "default"
    return str(number) if number < 1 << 16 else f"{number:#x}"


def _differ(contents: dict[int, int | None], *, steps: int) -> bool | None:
    """What is uploaded at some steps and not at others is no constant either."""
    if steps < 2 or None in contents.values():
        return None
    return len(contents) < steps or len(set(contents.values())) > 1


def _merged(
    seen: dict[int, Sighting], told: dict[int, tuple[Region, Role]], changes: dict[int, bool | None]
) -> tuple[Sighting, ...]:
    """Those that differ in nothing but how often and how much are one."""
    counts: Counter[Sighting] = Counter()
    sizes: dict[Sighting, int | None] = {}
    orders: dict[Sighting, int] = {}
    for index, sighting in seen.items():
        alike = replace(sighting, bytes_total=None, content_changes=changes.get(index))
        counts[alike] += 1
        if sighting.bytes_total is not None:
            sizes[alike] = (sizes.get(alike) or 0) + sighting.bytes_total
        orders.setdefault(alike, index - told[index][0].first if index in told else 0)
    return tuple(
        replace(sighting, count=count, bytes_total=sizes.get(sighting), order=orders[sighting])
        for sighting, count in counts.items()
    )
