"""Which finding comes first, and what the replays say of those that were made before them."""

from collections.abc import Sequence

from msgspec.structs import replace

from imp_graphcheck.record.finding import SEVERITIES, Finding
from imp_graphcheck.record.run import CallComparison, StateComparison

_DRIFT = frozenset({"GC301", "GC302", "GC303", "GC304", "GC305", "GC306"})
_WRONG = ("diverged", "nonfinite")

_ORDER = ("GC1", "GC20", "GC404", "GC405", "GC3", "GC4", "GC502", "GC5", "GC6")
"""Causes before symptoms: what a capture did, what it points at, what it lacks, what it froze; then what was seen."""


def ranked(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The worst first, and among equals causes before symptoms, confirmed before suspected."""
    return tuple(sorted(findings, key=_rank))


def _rank(finding: Finding) -> tuple[int, int, bool]:
    group = next(
        (place for place, prefix in enumerate(_ORDER) if finding.code.startswith(prefix)), len(_ORDER)
    )
    return (-SEVERITIES.index(finding.severity), group, finding.confidence != "confirmed")


def filed_deaths(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Deaths of a replay without a readable cause, filed under what their graph has frozen, if anything.

    A frozen offset sends whatever comes after it out of bounds: the node that faults is innocent.
    """
    frozen = {finding.graph: finding for finding in reversed(findings) if finding.code in _DRIFT}
    deaths = [finding for finding in findings if finding.code == "GC209" and finding.graph in frozen]
    told: dict[int, list[str]] = {}
    for death in deaths:
        told.setdefault(id(frozen[death.graph]), []).append(death.message)
    return tuple(
        replace(finding, consequences=(*finding.consequences, *told[id(finding)]))
        if id(finding) in told
        else finding
        for finding in findings
        if finding not in deaths
    )


def settled_drift(
    findings: Sequence[Finding], calls: Sequence[CallComparison], state: Sequence[StateComparison]
) -> tuple[Finding, ...]:
    """Drift findings, after the replays have shown whether the frozen value matters.

    Where the captured call is right and another one wrong, the prediction came true: confirmed. Where other calls
    were replayed and nothing at all differs, it is a warning.
    """
    changed = any(tensor.bytes_different for tensor in state)
    return tuple(
        _settled(finding, calls, changed) if finding.code in _DRIFT else finding for finding in findings
    )


def _settled(finding: Finding, calls: Sequence[CallComparison], state_changed: bool) -> Finding:
    replayed = [call for call in calls if call.key == finding.graph and call.path == "replay"]
    wrong = [call for call in replayed if call.agreement in _WRONG]
    others = {call.call for call in replayed}
    if wrong and len(wrong) < len(replayed):
        return replace(finding, confidence="confirmed")
    if len(others) > 1 and not wrong and not state_changed:
        return replace(
            finding, severity="warning", message=f"{finding.message}; no replay has shown a difference"
        )
    return finding
