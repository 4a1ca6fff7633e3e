"""What all trials together say."""

from collections.abc import Sequence

from msgspec.structs import replace

from imp_graphcheck.bisect.search import Done
from imp_graphcheck.checks.causes import causes_of, is_symptom, ruled_out, suffices
from imp_graphcheck.record.bisection import Bisection, BisectionStatus, Cause
from imp_graphcheck.record.finding import SEVERITIES, Finding
from imp_graphcheck.record.probe import ProbeResult
from imp_graphcheck.record.run import Run


def concluded(bisection: Bisection, done: Sequence[Done], *, exhausted: bool) -> Bisection:
    """The record with its answer. `exhausted`: there was more to try, and no trial left to try it with."""
    runs = [each.run for each in done if each.run is not None]
    findings = _distinct(_of_all(runs))
    probes = (*_refusals(done), *(probe for run in runs for probe in run.probes))
    causes = causes_of(findings, probes)
    told = [cause.finding for cause in causes]
    symptoms = tuple(
        finding
        for finding in findings
        if is_symptom(finding) and finding.severity == "error" and finding not in told
    )
    status, reason = _status(runs, causes, symptoms, probes, exhausted)
    return replace(
        bisection,
        status=status,
        reason=reason,
        causes=causes,
        sufficient=suffices(probes) if causes else None,
        symptoms=symptoms,
        noticed=tuple(finding for finding in findings if _is_beside(finding, causes)),
        ruled_out=ruled_out(findings, probes),
        tried=probes,
    )


def _is_beside(finding: Finding, causes: Sequence[Cause]) -> bool:
    """A warning that no intervention made a cause of, and that is not about what is frozen: the replays decided that."""
    proven = {(cause.finding.code, cause.finding.message) for cause in causes}
    told = (finding.code, finding.message) in proven
    return finding.severity == "warning" and not finding.code.startswith("GC3") and not told


def _status(
    runs: Sequence[Run],
    causes: Sequence[Cause],
    symptoms: Sequence[Finding],
    probes: Sequence[ProbeResult],
    exhausted: bool,
) -> tuple[BisectionStatus, str]:
    if causes:
        return "found", causes[0].finding.message
    wrong = next((probe for probe in probes if probe.outcome in ("wrong", "died")), None)
    if symptoms:
        return "inconclusive", f"it fails, and no cause was found: {symptoms[0].message}"
    if wrong is not None:
        return (
            "inconclusive",
            f"no cause was found for this: {wrong.intervention}: {wrong.detail or wrong.outcome}",
        )
    unproven = next((run for run in runs if run.verdict == "inconclusive"), None)
    if unproven is not None:
        return "inconclusive", unproven.verdict_reason
    if exhausted:
        return "inconclusive", "--max-trials was reached before everything was tried"
    return "nothing found", f"{len(probes)} interventions, and the answers stayed right"


def _refusals(done: Sequence[Done]) -> tuple[ProbeResult, ...]:
    """The capture modes that refused a capture, each with the line that was to blame there, once."""
    found = [
        ProbeResult(
            probe="mode",
            intervention=f"captured in mode {each.settings.capture_mode}",
            outcome="refused",
            sites=() if finding.launch_site is None else (finding.launch_site,),
        )
        for each in done
        if each.settings.kind == "as it is" and each.run is not None
        for finding in each.run.findings
        if finding.code.startswith("GC1") and finding.severity == "error"
    ]
    return tuple(result for number, result in enumerate(found) if result not in found[:number])


def _of_all(runs: Sequence[Run]) -> list[Finding]:
    """The findings of all trials, trial after trial.

    Where a program does not do the same each time, the memory behind one argument comes from another line in another
    trial. That is one finding: the later one, on which interventions were tried, with what the earlier one knows.
    """
    told: list[Finding] = []
    for run in runs:
        places = {_argument(finding): number for number, finding in enumerate(told) if finding.argument}
        for finding in run.findings:
            number = places.get(_argument(finding))
            if number is None or _line(finding) in (None, _line(told[number])):
                told.append(finding)
            else:
                told[number] = _merged(told[number], finding)
    return told


def _argument(finding: Finding) -> tuple[object, ...]:
    code = "GC201" if finding.code == "GC202" else finding.code
    return code, finding.graph, finding.node, finding.argument


def _line(finding: Finding) -> tuple[str, int] | None:
    site = finding.allocation_site
    return None if site is None else (site.file, site.line)


def _merged(earlier: Finding, later: Finding) -> Finding:
    also = f"in another trial this memory was allocated at {earlier.allocation_site}"
    return replace(
        later,
        free_site=later.free_site or earlier.free_site,
        launch_site=later.launch_site or earlier.launch_site,
        consequences=(*later.consequences, *((also,) if earlier.allocation_site is not None else ())),
    )


def _distinct(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Each place once, as it was told when it was worst; the trials see the same things again."""
    found: dict[tuple[object, ...], Finding] = {}
    for finding in sorted(findings, key=lambda finding: -SEVERITIES.index(finding.severity)):
        code = "GC201" if finding.code == "GC202" else finding.code
        line = finding.allocation_site or finding.launch_site
        at = None if line is None else (line.file, line.line)
        found.setdefault((code, at) if at is not None else (code, finding.graph, finding.node), finding)
    return tuple(found.values())
