"""Causes out of suspicions: which finding did an intervention prove, and which did it rule out?

Memory: other content there must reach an answer, or the replays must write there, or giving it up must bring the fault.
What a capture does: the device must have refused it at that line. What is frozen: the answers must be right once each call
has a capture of its own, and wrong without.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from imp_graphcheck.record.bisection import Cause
from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.probe import ProbeResult
from imp_graphcheck.record.site import UNKNOWN, Site

LIFETIMES = frozenset({"GC201", "GC202", "GC205", "GC206", "GC208"})
REUSE = frozenset({"GC203", "GC301", "GC302", "GC303", "GC304", "GC305", "GC306"})
_FROZEN = REUSE - {"GC203"}
_ONCE_FOR_ALL = REUSE | {"GC404"}
"""What a capture for each call mends: the value is the call's own, and what escapes from a capture runs during it."""
_SHOWN_BY = {
    "GC402": "padding",
    "GC403": "delay",
    "GC405": "first use",
    "GC407": "host state",
    "GC408": "first use",
}
"""The intervention that a finding was made by, or that shows it once more."""
_CONTENT = ("poison", "canary", "unmap")


def is_symptom(finding: Finding) -> bool:
    """Whether a finding says what was seen, and not why: numbers, or a death without a reason."""
    return finding.code.startswith("GC5") or finding.code == "GC209"


def causes_of(findings: Sequence[Finding], probes: Sequence[ProbeResult]) -> tuple[Cause, ...]:
    """The findings that are causes, those first that were proven."""
    judged = [
        _judged(finding, probes)
        for finding in findings
        if not is_symptom(finding) and finding.severity != "note"
    ]
    causes = judged if _alone(judged) else [_masked(cause) for cause in judged]
    kept = [cause for cause in causes if cause.necessary is not False and cause.finding.severity == "error"]
    if not kept:
        # Where nothing says why, the operator that makes the answer wrong is the nearest to a cause.
        kept = [_located(finding, probes) for finding in findings if _is_located(finding)][:1]
    return tuple(sorted(_folded(kept), key=lambda cause: not cause.proof))


def _is_located(finding: Finding) -> bool:
    return finding.code in ("GC502", "GC503") and finding.launch_site is not None


def _located(finding: Finding, probes: Sequence[ProbeResult]) -> Cause:
    return Cause(finding=finding, proof=tuple(probe for probe in probes if probe.probe == "lockstep")[:1])


def ruled_out(findings: Sequence[Finding], probes: Sequence[ProbeResult]) -> tuple[str, ...]:
    """What was suspected and shown to be harmless here, in sentences."""
    sentences = []
    judged = [_judged(finding, probes) for finding in findings if not is_symptom(finding)]
    for cause in judged if _alone(judged) else ():
        finding = cause.finding
        if cause.necessary is False:
            where = "" if finding.allocation_site is None else f" of {_line(finding.allocation_site)}"
            sentences.append(
                f"{finding.code}{where}: no content put there reached an answer, and no replay wrote there"
                if finding.code in LIFETIMES
                else f"{finding.code}: the replays are right all the same"
            )
    return tuple(dict.fromkeys(sentences))


def suffices(probes: Sequence[ProbeResult]) -> bool | None:
    """Whether the answers were right with everything mended that can be: memory kept, each call its own capture."""
    mended = [probe for probe in probes if probe.probe in ("pin", "fresh")]
    if not mended:
        return None
    return any(probe.outcome == "right" for probe in mended)


def _alone(causes: Sequence[Cause]) -> bool:
    """Whether no cause was proven that could hide what another one does. A capture that was refused hides nothing that was
    replayed.
    """
    return not any(cause.proof for cause in causes if not cause.finding.code.startswith("GC1"))


def _masked(cause: Cause) -> Cause:
    hidden = cause.necessary is False and cause.finding.code in LIFETIMES
    return replace(cause, necessary=None) if hidden else cause


def _folded(causes: Sequence[Cause]) -> list[Cause]:
    """One cause for each line that launched what is frozen. That the key lacks a number says no more than they do."""
    folded: dict[object, Cause] = {}
    frozen = {
        cause.finding.graph
        for cause in causes
        if cause.finding.code in _FROZEN and cause.finding.code != "GC306"
    }
    for number, cause in enumerate(causes):
        finding, at = cause.finding, cause.finding.launch_site
        if finding.code == "GC306" and finding.graph in frozen:
            continue
        line = number if finding.code not in _FROZEN or at is None else (finding.graph, at.file, at.line)
        first = folded.get(line)
        if first is None:
            folded[line] = cause
        else:
            told = (*first.finding.consequences, f"{finding.code}: {finding.message}")
            folded[line] = replace(first, finding=replace(first.finding, consequences=told))
    return list(folded.values())


def _judged(finding: Finding, probes: Sequence[ProbeResult]) -> Cause:
    if finding.code in LIFETIMES:
        return _lifetime(finding, probes)
    if finding.code in _ONCE_FOR_ALL:
        return _reuse(finding, probes)
    if finding.code.startswith("GC1"):
        refused = [
            probe for probe in probes if probe.probe == "mode" and _touches(probe, finding.launch_site)
        ]
        return Cause(finding=finding, proof=tuple(refused))
    shown = [
        probe for probe in probes if probe.probe == _SHOWN_BY.get(finding.code) and probe.outcome == "wrong"
    ]
    return Cause(finding=finding, proof=tuple(shown[:1]))


def _lifetime(finding: Finding, probes: Sequence[ProbeResult]) -> Cause:
    at = [probe for probe in probes if probe.probe in _CONTENT and _touches(probe, finding.allocation_site)]
    told = [probe for probe in at if probe.outcome in ("wrong", "died")]
    alone = [probe for probe in told if len({_line(site) for site in probe.sites}) == 1]
    if alone:
        kept = [probe for probe in probes if probe.probe == "pin" and probe.outcome == "right"]
        return Cause(finding=_confirmed(finding), proof=(*kept[:1], *alone), necessary=True)
    if told:
        return Cause(finding=_confirmed(finding), proof=tuple(told), necessary=None)
    if not at and (by_capture := _mended_by_capture(probes, only="first use")):
        return Cause(finding=_confirmed(finding), proof=by_capture, necessary=None)
    # Whoever follows addresses in a table may do so another time: silence proves nothing there.
    return Cause(finding=finding, necessary=False if at and finding.code != "GC208" else None)


def _reuse(finding: Finding, probes: Sequence[ProbeResult]) -> Cause:
    mended = _mended_by_capture(probes)
    if mended:
        return Cause(finding=_confirmed(finding), proof=mended, necessary=None)
    reused = [probe for probe in probes if probe.probe in ("pin", "first use")]
    if reused and finding.code in _FROZEN and all(probe.outcome == "right" for probe in reused):
        return Cause(finding=finding, necessary=False)
    return Cause(finding=finding)


def _mended_by_capture(probes: Sequence[ProbeResult], only: str = "") -> tuple[ProbeResult, ...]:
    """That graphs which serve several calls fail, and that graphs of each call's own do not; empty unless both are known."""
    failed = [
        probe
        for probe in probes
        if probe.probe in ((only,) if only else ("pin", "first use")) and probe.outcome in ("wrong", "died")
    ]
    anew = [probe for probe in probes if probe.probe == "fresh" and probe.outcome == "right"]
    return (failed[0], anew[0]) if failed and anew else ()


def _confirmed(finding: Finding) -> Finding:
    return replace(finding, confidence="confirmed", severity="error")


def _touches(probe: ProbeResult, site: Site | None) -> bool:
    return _line(site or UNKNOWN) in map(_line, probe.sites)


def _line(site: Site) -> str:
    return f"{site.file}:{site.line}"
