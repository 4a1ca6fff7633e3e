"""Causes first, and what the replays say of drift."""

from typing import Any

from msgspec.structs import replace

from imp_graphcheck.checks.ranking import filed_deaths, ranked, settled_drift
from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.run import CallComparison, StateComparison

FINDING = Finding(code="GC301", severity="error", confidence="suspected", message="frozen", graph="k")
CALL = CallComparison(
    request=0,
    call=0,
    sweep=0,
    label="",
    key="k",
    path="replay",
    agreement="identical",
    noise_max_abs_delta=0.0,
    max_abs_delta=0.0,
    mean_abs_delta=0.0,
    bit_equal=1.0,
)


def found(code: str, **changes: Any) -> Finding:
    return replace(FINDING, code=code, **changes)


def test_causes_come_before_symptoms_and_warnings_last() -> None:
    findings = [
        found("GC601", severity="warning"),
        found("GC501", confidence="confirmed"),
        found("GC301"),
        found("GC201"),
        found("GC202", confidence="confirmed"),
        found("GC404"),
        found("GC105"),
    ]
    codes = [finding.code for finding in ranked(findings)]
    assert codes == ["GC105", "GC202", "GC201", "GC404", "GC301", "GC501", "GC601"]


def test_a_prediction_that_came_true_is_confirmed() -> None:
    wrong = replace(CALL, call=1, agreement="diverged")
    (settled,) = settled_drift([FINDING], [CALL, wrong], [])
    assert (settled.severity, settled.confidence) == ("error", "confirmed")


def test_drift_without_any_difference_is_a_warning() -> None:
    (settled,) = settled_drift([FINDING], [CALL, replace(CALL, call=1)], [])
    assert settled.severity == "warning"
    assert "no replay has shown a difference" in settled.message


def test_drift_stays_an_error_where_little_was_replayed_or_state_differs() -> None:
    state = StateComparison(name="kv", sweep=0, bytes_total=8, bytes_different=1)
    assert settled_drift([FINDING], [CALL], [])[0].severity == "error"
    assert settled_drift([FINDING], [CALL, replace(CALL, call=1)], [state])[0].severity == "error"
    assert settled_drift([FINDING], [], [])[0] == FINDING


def test_other_findings_are_left_alone() -> None:
    other = found("GC201")
    assert settled_drift([other], [CALL, replace(CALL, call=1)], []) == (other,)


def test_a_death_is_filed_under_what_its_graph_has_frozen() -> None:
    death = found("GC209", message="the replay died in node 1")
    frozen, elsewhere = found("GC301"), found("GC301", graph="other")
    assert filed_deaths([death, elsewhere, frozen]) == (
        elsewhere,
        replace(frozen, consequences=("the replay died in node 1",)),
    )
    assert filed_deaths([death, elsewhere]) == (death, elsewhere)
