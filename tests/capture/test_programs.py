"""Every rule that `capture` can report fires on a small program, with the right line, and is silent on its twin."""

from collections.abc import Callable
from pathlib import Path

import pytest

from imp_graphcheck.record.run import Run

Check = Callable[..., Run]
PROGRAMS = Path(__file__).parent / "programs.py"


def line_of(mark: str) -> int:
    lines = PROGRAMS.read_text().splitlines()
    (number,) = [number for number, line in enumerate(lines, 1) if line.endswith(f"# MARK {mark}")]
    return number


def codes(run: Run) -> list[str]:
    return [finding.code for finding in run.findings if finding.severity == "error"]


@pytest.mark.parametrize(
    "program",
    [
        "scaled",
        "forks_and_joins",
        "keeps_its_table",
        "device_factor",
        "cache",
        "counts",
        "nested_output",
        "in_place_output",
    ],
)
def test_right_programs_are_clean(check: Check, program: str) -> None:
    run = check(program)
    assert run.verdict == "clean", run.verdict_reason
    assert run.findings == ()
    assert run.replays >= 6
    assert {stage.status for stage in run.stages} == {"ok"}
    assert all(call.path == "replay" and call.agreement == "identical" for call in run.calls)


@pytest.mark.parametrize(
    ("program", "code", "mark"),
    [
        ("reads_back", "GC101", "item"),
        ("uploads", "GC105", "upload"),
        ("library_only_in_capture", "GC104", "matmul"),
        ("forks", "GC106", None),
        ("own_generator", "GC108", "generator"),
        ("raises_in_capture", "GC109", "raise"),
    ],
)
def test_failed_captures_name_the_first_error(
    check: Check, program: str, code: str, mark: str | None
) -> None:
    run = check(program)
    assert codes(run) == [code]
    assert run.verdict == "findings"
    if mark is not None:
        site = run.findings[0].launch_site
        assert site is not None
        assert (Path(site.file).name, site.line) == ("programs.py", line_of(mark))
    assert run.replays == 0
    assert [finding.code for finding in run.findings if finding.severity == "warning"] == ["GC601"]


def test_unmapped_memory_is_followed_to_allocation_and_free(check: Check) -> None:
    run = check("loses_its_table")
    finding = run.findings[0]
    assert (finding.code, finding.confidence) == ("GC202", "confirmed")
    assert len(finding.consequences) == 1
    sites = {"table": finding.allocation_site, "free": finding.free_site, "use": finding.launch_site}
    assert {name: site.line for name, site in sites.items() if site is not None} == {
        name: line_of(name) for name in sites
    }
    assert (finding.node, finding.kernel, finding.argument) == (0, "aten.mul.out", "other")
    stages = {stage.name: stage.status for stage in run.stages}
    assert (stages["capture"], stages["replay"], stages["compare"]) == ("ok", "failed", "skipped")


def test_other_device_errors_in_a_replay(check: Check) -> None:
    run = check("index_goes_bad")
    assert codes(run) == ["GC209"]
    assert "index" in run.findings[0].message
    site = run.findings[0].launch_site
    assert site is not None
    assert site.line == line_of("select")


def test_frozen_number_is_wrong_at_the_other_calls_only(check: Check) -> None:
    run = check("frozen_factor")
    assert codes(run) == ["GC301", "GC306", "GC501"]
    assert {finding.confidence for finding in run.findings} == {"confirmed"}
    by_label = {call.label: call.agreement for call in run.calls}
    assert list(by_label.values()) == ["identical", "diverged", "diverged"]
    assert "right at request 0, value 1.0, wrong at request 1" in run.findings[-1].message


def test_nan_under_replay(check: Check) -> None:
    assert codes(check("stale_nan")) == ["GC503"]


def test_state_is_compared_byte_for_byte(check: Check) -> None:
    run = check("cache_at_frozen_slot")
    assert codes(run) == ["GC305", "GC306", "GC504"]
    assert {tensor.bytes_different for tensor in run.state} != {0}
    assert all(call.agreement == "identical" for call in run.calls)


def test_layout_that_changes_within_a_key(check: Check) -> None:
    run = check("shape_changes")
    assert codes(run) == ["GC301", "GC306", "GC501"]
    assert "float32[1, 8] instead of float32[3, 8]" in " ".join(call.layouts or "" for call in run.calls)


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("one_call", "served a single call"),
        ("same_everywhere", "the same eager output"),
        ("counts_in_secret", "name the tensors that calls change in state()"),
        ("no_tensors", "no finite output was compared"),
        ("fails_eagerly", "the program fails without graphs"),
    ],
)
def test_nothing_proven_is_not_green(check: Check, program: str, reason: str) -> None:
    run = check(program)
    assert run.verdict == "inconclusive"
    assert reason in run.verdict_reason


def test_line_of_an_eager_failure(check: Check) -> None:
    assert f"programs.py:{line_of('eager')}" in check("fails_eagerly").verdict_reason


def test_requests_that_depend_on_each_other_run_in_one_order(check: Check) -> None:
    run = check("in_place_output")
    (noise,) = [stage.detail for stage in run.stages if stage.name == "noise floor"]
    assert "in one order only" in noise


def test_fail_on_decides_what_counts(check: Check) -> None:
    assert check("scaled", fail_on="note").verdict == "clean"
    assert check("raises_in_capture", fail_on="warning").verdict == "findings"
