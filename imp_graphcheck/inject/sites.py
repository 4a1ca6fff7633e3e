"""From a trace to the sites of an audit: which line made which call, how often, and what a capture made of it."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from imp_graphcheck.apis import ApiCall, Judgement, find_call
from imp_graphcheck.inject.frames import Own, as_record, find_handle, headline_at, library_call, without_tool
from imp_graphcheck.inject.results import describe_result, has_failed, is_refusal
from imp_graphcheck.inject.sighting import Sighting, host_of, judge_sighting, kind_of, name_stream
from imp_graphcheck.inject.symbols import NativeFrame, Symbols
from imp_graphcheck.inject.trace_file import Details, Tally, Trace, TracedCall
from imp_graphcheck.inject.windows import (
    BEGINNINGS,
    ENDINGS,
    Relation,
    Window,
    find_windows,
    mode_for,
    place_in,
    with_open_windows,
)
from imp_graphcheck.record.audit import FATES, AuditSite, CallClass, Headline, Phase
from imp_graphcheck.record.site import Frame

LAUNCHES = ("cudaGraphLaunch", "cuGraphLaunch")

_Key = tuple[str, int | str, str, str]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a call was made. `library` is the function of a library that the program had called, if it had."""

    file: str
    line: int
    function: str
    stack: tuple[Frame, ...] = ()
    library: str = ""


@dataclass(slots=True)
class _Group:
    place: Place
    seen: list[tuple[Sighting, Judgement]] = field(default_factory=list)
    # By phase, for a handle: how often each of the calls that it is made of was seen.
    beneath: dict[Phase, Counter[tuple[str, int]]] = field(default_factory=lambda: defaultdict(Counter))


def stacks_that_matter(trace: Trace) -> set[int]:
    """Those of all calls that become sites, and of the beginnings and ends of captures."""
    return {call.stack for call in trace.calls} | {
        tally.stack for tally in trace.tallies if find_call(tally.name) is not None
    }


class Places:
    """The place of each stack, found once."""

    def __init__(self, trace: Trace, symbols: Symbols, directory: Path | None, own: Own) -> None:
        self._trace = trace
        self._symbols = symbols
        self._directory = directory
        self._own = own
        self._known: dict[int, Place] = {}

    def of(self, stack: int) -> Place:
        if stack not in self._known:
            self._known[stack] = self._find(stack)
        return self._known[stack]

    def _find(self, stack: int) -> Place:
        frames = without_tool(self._symbols.frames.get(stack, ()))
        at = headline_at(frames, self._own)
        if at is None:
            return Place("<unknown>", 0, "<unknown>")
        return Place(
            file=self._shorten(frames[at]),
            line=frames[at].line,
            function=frames[at].function or "<unknown>",
            stack=tuple(as_record(frame) for frame in frames),
            library=library_call(frames[:at], self._own),
        )

    def _shorten(self, frame: NativeFrame) -> str:
        if frame.line and self._directory is not None:
            file = Path(frame.file)
            if file.is_relative_to(self._directory):
                return str(file.relative_to(self._directory))
        return frame.place


def find_sites(trace: Trace, places: Places) -> tuple[AuditSite, ...]:
    """Worst first."""
    groups: dict[_Key, _Group] = {}
    for call, open_ones in with_open_windows(trace.calls, find_windows(trace.calls)):
        relation, window = place_in(call, open_ones)
        _add(groups, trace, places, call, relation, window, open_ones)
    for tally in trace.tallies:
        _add(groups, trace, places, tally, "apart", None, ())
    sites = [_as_site(group) for group in groups.values()]
    return tuple(sorted(sites, key=lambda site: (FATES.index(site.fate), site.file, site.line, site.api)))


def find_headline(trace: Trace, places: Places) -> Headline | None:
    """The first call that failed and concerns a capture; the end of one that failed for reasons that nobody saw."""
    windows = find_windows(trace.calls)
    for call, open_ones in with_open_windows(trace.calls, windows):
        relation, window = place_in(call, open_ones)
        errors = [result for result in (call.inner_result, call.result) if has_failed(result)]
        is_end = call.name.startswith(ENDINGS)
        if window is None or not errors or (relation == "beside" and not any(map(is_refusal, errors))):
            continue
        refused = next(filter(is_refusal, errors), errors[-1])
        place = places.of(call.stack)
        ends = [describe_result(end.result) for end in window.attempts if has_failed(end.result)]
        api = find_handle(place.library) or find_call(call.name)
        error = describe_result(refused)
        return Headline(
            api=api.name if api else _plain(call.name),
            error=error,
            file=place.file,
            line=place.line,
            function=place.function,
            mode=window.mode,
            hidden_by=next((end for end in ends if end != error), "") if not is_end else "",
        )
    return None


def count_launches(trace: Trace) -> int:
    """Replays: how often a graph was launched."""
    return sum(tally.count for tally in trace.tallies if tally.name.startswith(LAUNCHES)) + sum(
        call.name.startswith(LAUNCHES) for call in trace.calls
    )


def _add(
    groups: dict[_Key, _Group],
    trace: Trace,
    places: Places,
    call: TracedCall | Tally,
    relation: Relation,
    window: Window | None,
    open_ones: Sequence[Window],
) -> None:
    api = find_call(call.name)
    if api is None:
        return
    place = places.of(call.stack)
    handle = find_handle(place.library)
    sighting = _sighting(trace, call, handle or api, relation, window, open_ones)
    # A line is one site, also where it was inlined into several functions.
    key = (place.file, place.line or place.function, sighting.api.name, sighting.kind)
    group = groups.setdefault(key, _Group(place))
    group.seen.append((sighting, judge_sighting(sighting)))
    if handle is not None:
        group.beneath[_phase(relation)][(api.name, call.stack)] += sighting.count


def _sighting(
    trace: Trace,
    call: TracedCall | Tally,
    api: ApiCall,
    relation: Relation,
    window: Window | None,
    open_ones: Sequence[Window],
) -> Sighting:
    details: Details = call.details
    thread = trace.threads.get(call.thread)
    kind: CallClass = kind_of(api, details)
    results: tuple[int, ...] = ()
    mode = None
    if isinstance(call, TracedCall):
        mode = mode_for(call, open_ones)
        # A call that never returned has no result.
        results = (call.result, call.inner_result) if call.end_ns else ()
    return Sighting(
        api=api,
        kind=kind,
        relation=relation,
        mode=mode,
        window_mode=window.mode if window else None,
        count=call.count if isinstance(call, Tally) else 1,
        bytes=call.bytes if isinstance(call, Tally) else details.bytes,
        host=host_of(kind, details),
        stream=name_stream(api, details.stream),
        thread=str(thread) if thread else f"thread {call.thread}",
        results=results,
    )


def _as_site(group: _Group) -> AuditSite:
    # What the captured region does decides; what else happens at the line is in `phases`.
    worst, judgement = min(group.seen, key=lambda each: _badness(*each))
    phases = _phases(group)
    return AuditSite(
        file=group.place.file,
        line=group.place.line,
        function=group.place.function,
        api=worst.api.name,
        kind=worst.kind,
        fate=judgement.fate,
        reachable="yes" if any(seen.touches_capture for seen, _ in group.seen) else "no",
        code=judgement.code,
        reason=judgement.reason,
        remedy=judgement.remedy,
        modes=judgement.modes,
        stack=group.place.stack,
        count=sum(phases.values()),
        bytes_total=sum(seen.bytes for seen, _ in group.seen),
        phases=phases,
        host=worst.host,
        streams=_distinct(seen.stream for seen, _ in group.seen),
        threads=_distinct(seen.thread for seen, _ in group.seen),
        origins=("process",),
        notes=tuple(_notes(group)),
    )


def _badness(seen: Sighting, judgement: Judgement) -> tuple[bool, int, bool]:
    """Calls that touch a capture before all others; of the same fate, copies from memory that may be gone first."""
    return (not seen.touches_capture, FATES.index(judgement.fate), seen.host != "pageable")


def _phases(group: _Group) -> dict[Phase, int]:
    """A handle is counted by the rarest of the calls that it is made of: it was made at least so often."""
    if group.beneath:
        return {phase: min(counts.values()) for phase, counts in group.beneath.items()}
    phases: Counter[Phase] = Counter()
    for seen, _ in group.seen:
        phases[_phase(seen.relation)] += seen.count
    return dict(phases)


def _phase(relation: Relation) -> Phase:
    return "capture" if relation in ("captured", "region") else "elsewhere"


def _notes(group: _Group) -> Iterable[str]:
    if group.beneath:
        made: Counter[str] = Counter()
        for counts in group.beneath.values():
            for (name, _), count in counts.items():
                made[name] += count
        yield "it makes " + ", ".join(f"{count} {name}" for name, count in sorted(made.items()))
        yield "counted by the calls that it makes: at least so often"
    elif group.place.library:
        yield f"inside {group.place.library}"
    beside = [seen for seen, _ in group.seen if seen.relation == "beside"]
    if beside:
        yield f"{sum(seen.count for seen in beside)} times by another thread while a stream was being captured"
    hosts = {seen.host for seen, _ in group.seen if seen.host}
    if len(hosts) > 1:
        yield "from pageable and from pinned memory"
    failed = Counter(describe_result(r) for seen, _ in group.seen for r in seen.results[:1] if has_failed(r))
    for error, count in sorted(failed.items()):
        yield f"{count} times it answered {error}"


def _plain(name: str) -> str:
    """cudaStreamEndCapture_v10000 and its per-thread twin by the name that programs use."""
    return next((known for known in (*BEGINNINGS, *ENDINGS) if name.startswith(known)), name)


def _distinct(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({word for word in words if word}))
