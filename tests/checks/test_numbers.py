"""What the captured arm answered, judged from records alone."""

from typing import Any

import pytest
from msgspec.structs import replace

from imp_graphcheck.checks.numbers import NOISE_FACTOR, check_calls, check_state, judged, noise_floor
from imp_graphcheck.record.run import CallComparison, StateComparison

EQUAL = CallComparison(
    request=0,
    call=0,
    sweep=0,
    label="q_offset 0",
    key="prefill 64",
    path="replay",
    agreement="identical",
    noise_max_abs_delta=0.0,
    max_abs_delta=0.0,
    mean_abs_delta=0.0,
    bit_equal=1.0,
    output_written=True,
)


def call(**changes: Any) -> CallComparison:
    return replace(EQUAL, **changes)


@pytest.mark.parametrize(
    ("changes", "agreement"),
    [
        ({}, "identical"),
        ({"bit_equal": 0.9, "max_abs_delta": 1e-6}, "diverged"),
        ({"bit_equal": 0.9, "max_abs_delta": 0.0}, "diverged"),
        ({"bit_equal": 0.9, "max_abs_delta": None}, "diverged"),
        ({"bit_equal": 0.9, "max_abs_delta": 4e-3, "noise_max_abs_delta": 1e-3}, "noise"),
        ({"bit_equal": 0.9, "max_abs_delta": 4.1e-3, "noise_max_abs_delta": 1e-3}, "diverged"),
        ({"agreement": "nonfinite", "bit_equal": 0.9}, "nonfinite"),
    ],
)
def test_agreement(changes: dict[str, Any], agreement: str) -> None:
    assert [found.agreement for found in judged([call(**changes)])] == [agreement]


def test_noise_floor_is_that_of_the_whole_workload() -> None:
    calls = [call(), call(call=1, noise_max_abs_delta=1e-2, bit_equal=0.5, max_abs_delta=1e-2)]
    assert noise_floor(calls) == 1e-2
    quiet = call(call=2, bit_equal=0.5, max_abs_delta=NOISE_FACTOR * 1e-2)
    assert judged([*calls, quiet])[2].agreement == "noise"


def test_silence_on_agreement() -> None:
    assert check_calls(judged([call(), call(call=1)])) == ()
    assert check_state([StateComparison(name="kv", sweep=0, bytes_total=8, bytes_different=0)]) == ()


def test_divergence_names_the_worst_call_and_the_contrast() -> None:
    calls = judged(
        [
            call(),
            call(call=1, label="q_offset 64", bit_equal=0.1, max_abs_delta=2.0),
            call(call=2, label="q_offset 128", bit_equal=0.1, max_abs_delta=3.0, top1_agreement=0.25),
        ]
    )
    (finding,) = check_calls(calls)
    assert (finding.code, finding.severity, finding.graph) == ("GC501", "error", "prefill 64")
    assert finding.message.startswith("request 0, q_offset 128: max |delta| 3 against a noise floor of 0")
    assert "top-1 agreement 0.25 (2 of 3 replays" in finding.message
    assert "right at q_offset 0, wrong at q_offset 64 / q_offset 128" in finding.message


def test_stale_output_is_not_also_reported_as_nan() -> None:
    stale = call(agreement="nonfinite", bit_equal=0.0, nan_count=9, output_written=False)
    assert [finding.code for finding in check_calls(judged([stale, call(call=1)]))] == ["GC408"]


def test_each_graph_has_its_own_finding() -> None:
    wrong = {"bit_equal": 0.0, "max_abs_delta": 1.0}
    findings = check_calls(judged([call(**wrong), call(key="prefill 32", **wrong)]))
    assert [finding.graph for finding in findings] == ["prefill 64", "prefill 32"]


def test_eager_fallbacks_are_not_judged_as_replays() -> None:
    assert check_calls(judged([call(path="eager", bit_equal=0.0, max_abs_delta=9.0)])) == ()


def test_state_names_the_worst_tensor() -> None:
    state = [
        StateComparison(name="k", sweep=0, bytes_total=100, bytes_different=3, first_difference=7),
        StateComparison(name="v", sweep=0, bytes_total=100, bytes_different=9, first_difference=1),
        StateComparison(name="w", sweep=0, bytes_total=100, bytes_different=0),
    ]
    (finding,) = check_state(state)
    assert finding.code == "GC504"
    assert "2 of 3 persistent tensors" in finding.message
    assert "v: 9 of 100 bytes, the first at byte 1" in finding.message
