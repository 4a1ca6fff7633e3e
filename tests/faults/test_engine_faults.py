"""imp's mistakes, put back one at a time: each fires its code, and the engine without it is clean."""

from collections.abc import Callable
from pathlib import Path

import pytest

from imp_graphcheck.errors import UsageError
from imp_graphcheck.faults import ENGINE_FAULTS, engine_faults
from imp_graphcheck.record.run import Run
from imp_graphcheck.rules import RULES
from imp_graphcheck.selftest.cases import cases

Check = Callable[..., Run]
MODELS = ["qwen3-tiny", "qwen3-moe-tiny"]


@pytest.mark.parametrize("model", MODELS)
def test_engine_as_it_is_is_clean(check: Check, model: str) -> None:
    run = check(model, tg=2)
    assert run.verdict == "clean", run.verdict_reason
    assert run.findings == ()
    assert run.replays > 10
    assert all(tensor.bytes_different == 0 for tensor in run.state)


@pytest.mark.parametrize("model", MODELS)
def test_scratch_that_is_gone_at_replay(check: Check, model: str) -> None:
    run = check(model, fault="per-call-scratch")
    stages = {stage.name: stage.status for stage in run.stages}
    assert [stages[name] for name in ("warm-up", "eager", "capture", "replay")] == [
        "ok",
        "ok",
        "ok",
        "failed",
    ]
    finding = run.findings[0]
    assert (finding.code, finding.confidence) == ("GC202", "confirmed")
    for site, text in ((finding.allocation_site, "torch.empty("), (finding.free_site, "empty_cache()")):
        assert site is not None
        assert site.file.endswith("per_call_scratch.py")
        lines = Path(site.file).read_text().splitlines()
        assert text in lines[site.line - 1] + lines[site.line], lines[site.line - 1]


@pytest.mark.parametrize("model", MODELS)
def test_baked_offset_is_right_at_offset_zero_only(check: Check, model: str) -> None:
    run = check(model, fault="baked-q-offset")
    drift, key, *_ = run.findings
    assert (drift.code, drift.confidence, key.code) == ("GC301", "confirmed", "GC306")
    assert "q_offset 0 -> 192" in key.message
    (wrong,) = [finding for finding in run.findings if finding.code == "GC501"]
    replayed = [call for call in run.calls if call.key == wrong.graph]
    assert {call.label for call in replayed if call.agreement == "identical"} == {"q_offset 0, 64 tokens"}
    assert {call.label for call in replayed if call.agreement == "diverged"} >= {
        "q_offset 64, 64 tokens",
        "q_offset 128, 64 tokens",
    }


@pytest.mark.parametrize("model", MODELS)
def test_skipped_first_replay_leaves_the_poison(check: Check, model: str) -> None:
    run = check(model, fault="skipped-first-replay")
    assert run.findings[0].code == "GC408"
    unwritten = [call for call in run.calls if call.output_written is False]
    assert len(unwritten) == len(run.graphs)


def test_graphs_that_are_captured_again_and_again(check: Check) -> None:
    run = check("qwen3-tiny", fault="recapture-every-call")
    (finding,) = run.findings
    assert (finding.code, finding.severity) == ("GC602", "warning")
    assert "the shape of the last chunk was another" in finding.message
    assert run.verdict == "clean", run.verdict_reason


ENGINE_CASES = {case.fault_option: case for case in cases() if case.fault_option is not None}


@pytest.mark.parametrize("fault", ENGINE_FAULTS)
def test_its_code_comes_first_with_its_lines(check: Check, fault: str) -> None:
    case = ENGINE_CASES[fault]
    first = check("qwen3-tiny", fault=fault, reps=0, probe=case.probe).findings[0]
    assert first.code in (case.code, *case.also)
    sites = {"allocation": first.allocation_site, "free": first.free_site, "launch": first.launch_site}
    for place, expected in (case.lines or {}).items():
        site = sites[place]
        assert site is not None, place
        assert (Path(site.file).name, site.line) == expected


@pytest.mark.parametrize(
    ("fault", "lacks"),
    [
        ("baked-q-offset", "q_offset 0 -> 192"),
        ("baked-context-length", "context 64 -> 256"),
        ("baked-split-count", "context 64 -> 256"),
        ("baked-kernel-choice", "context 64 -> 256"),
        ("baked-table-copy", "context 64 -> 256"),
    ],
)
def test_what_the_key_lacks_is_told_before_any_replay(check: Check, fault: str, lacks: str) -> None:
    run = check("qwen3-tiny", fault=fault, reps=0)
    (key,) = [finding for finding in run.findings if finding.code == "GC306"]
    assert lacks in key.message
    assert "GC501" in {finding.code for finding in run.findings}, "and the replays show it"


@pytest.mark.parametrize(
    ("faults", "codes"),
    [
        ("per-call-scratch,baked-q-offset", {"GC202", "GC301"}),
        ("grown-workspace,baked-table-copy,pinned-temporary", {"GC201", "GC206", "GC305"}),
        ("rebuilt-block-table,baked-split-count", {"GC201", "GC303"}),
    ],
)
def test_several_causes_are_all_told(check: Check, faults: str, codes: set[str]) -> None:
    run = check("qwen3-tiny", fault=faults, reps=0)
    assert codes <= {finding.code for finding in run.findings}
    causes = [finding.code for finding in run.findings if finding.code < "GC4"]
    assert causes == [finding.code for finding in run.findings][: len(causes)], "causes before symptoms"
    assert run.target.detail["fault"] == faults.replace(",", ", ")


@pytest.mark.parametrize("name", ["no-such-fault", "baked-q-offset,no-such-fault", ""])
def test_an_unknown_fault_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="not known") as refused:
        engine_faults(name)
    assert "baked-q-offset" in refused.value.hint


def test_a_fault_is_gone_when_its_run_is_over(check: Check) -> None:
    for fault in ENGINE_FAULTS:
        check("qwen3-tiny", fault=fault, reps=0, pp=64, requests=1)
    assert check("qwen3-tiny").verdict == "clean"


def test_every_fault_names_its_code_and_its_history() -> None:
    assert all(fault.code in RULES for fault in ENGINE_FAULTS.values())
    assert all("imp #" in fault.history for fault in ENGINE_FAULTS.values())


def test_graphs_that_are_off_prove_nothing(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMP_PREFILL_GRAPH", "0")
    run = check("qwen3-tiny")
    assert run.verdict == "inconclusive"
    assert run.replays == 0
    (finding,) = run.findings
    assert finding.code == "GC601"
    assert "IMP_PREFILL_GRAPH=0" in finding.message
