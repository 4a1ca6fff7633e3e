"""From what was seen of calls to the sites of an audit: grouped by line, each with what becomes of it. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from imp_graphcheck.apis import CALLS, ApiCall, Judgement, find_call, judge
from imp_graphcheck.apis.verdict import MODES
from imp_graphcheck.audit.seen import Outcome
from imp_graphcheck.audit.sighting import Sighting
from imp_graphcheck.record.audit import FATES, AuditSite, CallClass, HostMemory, Phase, Reach
from imp_graphcheck.record.site import Frame, Site

CONSEQUENCE = "901"
"""The error of what comes after the first error of a capture: it says nothing of the call that returned it."""

_Group = tuple[str, int, str, str, CallClass]


def audit_sites(
    sightings: Sequence[Sighting], outcome: Outcome, directory: Path | None = None
) -> tuple[AuditSite, ...]:
    """One site for each (file, line, function, api, class), the worst first. Files are relative to `directory` where they
    lie in it.
    """
    groups: defaultdict[_Group, list[Sighting]] = defaultdict(list)
    for sighting in sightings:
        site = sighting.site
        groups[site.file, site.line, site.function, sighting.api, sighting.kind].append(sighting)
    passed = _Passed(sightings, outcome)
    sites = (_site(group, outcome, passed, directory) for group in groups.values())
    return tuple(sorted(sites, key=lambda site: (FATES.index(site.fate), site.file, site.line, site.api)))


class _Passed:
    """Which calls of eager regions a capture of the same key went by without."""

    def __init__(self, sightings: Sequence[Sighting], outcome: Outcome) -> None:
        self._outcome = outcome
        self._made = {
            (each.key, _group(each)) for each in sightings if each.phase == "capture" and each.inside
        }
        self._ended: dict[str, int] = {}
        for key, place in outcome.failed.items():
            orders = [
                each.order
                for each in sightings
                if each.key == key
                and each.phase == "eager"
                and each.inside
                and (each.site.file, each.site.line) == place
            ]
            if orders:
                self._ended[key] = min(orders)

    def by(self, sighting: Sighting) -> bool:
        """Whether its key was captured, at least to behind where this call is made eagerly, without making it."""
        if (sighting.key, _group(sighting)) in self._made:
            return False
        if sighting.key in self._outcome.captured:
            return True
        return sighting.order < self._ended.get(sighting.key, -1)


def _group(sighting: Sighting) -> _Group:
    site = sighting.site
    return site.file, site.line, site.function, sighting.api, sighting.kind


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verdict:
    judgement: Judgement
    reachable: Reach
    notes: tuple[str, ...] = ()


def _site(group: list[Sighting], outcome: Outcome, passed: _Passed, directory: Path | None) -> AuditSite:
    first = group[0]
    verdict = _verdict(group, outcome, passed)
    phases: Counter[Phase] = Counter()
    for sighting in group:
        phases[sighting.phase] += sighting.count
    sizes = [each.bytes_total for each in group if each.bytes_total is not None]
    judgement, site = verdict.judgement, _relative(first.site, directory)
    return AuditSite(
        file=site.file,
        line=site.line,
        function=site.function,
        api=first.api,
        kind=first.kind,
        fate=judgement.fate,
        reachable=verdict.reachable,
        code=judgement.code,
        reason=judgement.reason,
        remedy=judgement.remedy,
        modes=judgement.modes,
        stack=site.stack,
        count=sum(each.count for each in group),
        bytes_total=sum(sizes) if sizes else None,
        phases=dict(phases),
        host=_host(group),
        streams=_each(sighting.stream for sighting in group),
        threads=_each(sighting.thread for sighting in group),
        origins=("run",),
        notes=(*verdict.notes, *_notes(group)),
    )


def _verdict(group: list[Sighting], outcome: Outcome, passed: _Passed) -> _Verdict:
    inside = [each for each in group if each.inside]
    region = [each for each in inside if each.phase in ("eager", "capture")]
    if not region:
        return _outside(group, inside, outcome)
    reached = [each for each in region if each.phase == "capture" or not passed.by(each)]
    if not reached:
        return _harmless("eager calls make it; the capture of the same key went by without it")
    call = _call(group[0].api)
    captured = [
        each for each in reached if each.phase == "capture" and not each.error.startswith(CONSEQUENCE)
    ]
    failed = [each for each in captured if each.error]
    reach: Reach = "maybe" if all(each.other_thread and each.phase == "eager" for each in reached) else "yes"
    judgement = _judged(call, reached, outcome)
    if failed:
        return _Verdict(judgement=_as_observed(call, judgement, failed[0], outcome), reachable="yes")
    if any(each.escaped for each in captured):
        return _Verdict(judgement=_escaped(judgement), reachable="yes")
    if captured and judgement.fate == "forbidden":
        return _Verdict(judgement=_let_pass(judgement, outcome), reachable="yes")
    return _Verdict(judgement=judgement, reachable=reach)


def _outside(group: list[Sighting], inside: list[Sighting], outcome: Outcome) -> _Verdict:
    """No eager pass of the region and no capture made it, once the program was warm."""
    if not inside:
        where = ", ".join(_each(each.phase for each in group))
        return _harmless(f"it is made outside of the captured region ({where})")
    if not outcome.was_tried:
        judgement = _judged(_call(group[0].api), inside, outcome)
        note = "the first call in a fresh process makes it; whether a later one does was not seen"
        return _Verdict(judgement=judgement, reachable="maybe", notes=(note,))
    return _harmless(
        "only the first call of a process makes it: the prewarm and the warm-up are behind it when the capture begins"
    )


def _judged(call: ApiCall, sightings: list[Sighting], outcome: Outcome) -> Judgement:
    """The worst that is true of any of them."""
    changes = _changes(sightings)
    judged = [
        judge(
            call,
            each.kind,
            host=each.host,
            content_changes=changes,
            mode=outcome.mode,
            caller=each.caller,
            captured_work=each.captured_work,
            other_thread=each.other_thread,
        )
        for each in sightings
    ]
    return min(judged, key=lambda judgement: FATES.index(judgement.fate))


def _changes(sightings: list[Sighting]) -> bool | None:
    """Whether the content of an upload changes: a capture has nothing to say about that, so eager passes answer for it."""
    told = {each.content_changes for each in sightings if each.phase == "eager"}
    if True in told:
        return True
    return False if told == {False} else None


def _as_observed(call: ApiCall, judgement: Judgement, failed: Sighting, outcome: Outcome) -> Judgement:
    """The capture was refused this call: that is so, whatever the table says."""
    table = judge(
        call,
        failed.kind,
        host=failed.host,
        mode=outcome.mode,
        captured_work=failed.captured_work,
        other_thread=failed.other_thread,
    )
    if failed.kind == "xstream":
        return Judgement(
            fate="forbidden",
            code="GC106",
            reason="it orders the capture with work that is no part of it",
            remedy="fork the other stream from the capturing one, and join it, inside the region",
            modes=dict.fromkeys(MODES, failed.error),
        )
    worse = table if table.fate == "forbidden" else judgement
    modes = dict(worse.modes)
    # A library has an error of its own for what the driver refused; the table keeps the driver's.
    if outcome.mode not in modes or failed.error[:1] == "9":
        modes[outcome.mode] = failed.error
    return Judgement(
        fate="forbidden",
        code=worse.code or "GC109",
        reason=worse.reason if worse.fate == "forbidden" else "the capture was refused it",
        remedy=worse.remedy or "move it out of the captured region",
        modes=modes,
    )


def _let_pass(judgement: Judgement, outcome: Outcome) -> Judgement:
    modes = {mode: error for mode, error in judgement.modes.items() if mode != outcome.mode}
    return Judgement(
        fate="capture only",
        code=judgement.code,
        reason="the capture let it pass: it happens at the capture, and at no replay",
        remedy=judgement.remedy,
        modes=modes,
    )


def _escaped(judgement: Judgement) -> Judgement:
    return Judgement(
        fate="capture only",
        code="GC404",
        reason="its stream takes no part in the capture: it happens at the capture, and at no replay",
        remedy="fork the stream from the capturing one before, and join it after",
        modes=judgement.modes,
    )


def _harmless(reason: str) -> _Verdict:
    return _Verdict(
        judgement=Judgement(fate="harmless", code=None, reason=reason, remedy="", modes={}), reachable="no"
    )


def _call(api: str) -> ApiCall:
    found = find_call(api)
    assert found is not None, f"{api} was sighted, so it is one of {len(CALLS)} known calls"
    return found


def _host(group: list[Sighting]) -> HostMemory | None:
    kinds = {each.host for each in group}
    return "pageable" if "pageable" in kinds else "pinned" if "pinned" in kinds else None


def _notes(group: list[Sighting]) -> tuple[str, ...]:
    errors = (
        f"returned {each.error} in {each.phase}"
        + (f" of {each.key}" if each.key else "")
        + f", {each.thread}"
        for each in group
        if each.error
    )
    callers = (f"called by {each.caller}" for each in group if each.caller)
    return (*_each(errors), *_each(callers))


def _each(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(words))


def _relative(site: Site, directory: Path | None) -> Site:
    if directory is None:
        return site
    frames = tuple(
        Frame(file=_short(frame.file, directory), line=frame.line, function=frame.function)
        for frame in site.stack
    )
    return Site(file=_short(site.file, directory), line=site.line, function=site.function, stack=frames)


def _short(file: str, directory: Path) -> str:
    path = Path(file)
    return str(path.relative_to(directory)) if path.is_relative_to(directory) else file
