"""When a clean result would mean nothing."""

import pytest
from msgspec.structs import replace

from imp_graphcheck.checks.evidence import Contrast, missing_evidence, single_call_graphs
from imp_graphcheck.record.run import CallComparison

REPLAYED = CallComparison(
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
DIFFERENT = Contrast(key="k", calls=2, max_abs_delta=1.0)


def test_two_replays_of_calls_that_differ_are_enough() -> None:
    assert missing_evidence([REPLAYED, replace(REPLAYED, call=1)], [DIFFERENT], replays=2) == ()


@pytest.mark.parametrize(
    ("calls", "contrasts", "replays", "reason"),
    [
        ([], [], 0, "no call was replayed"),
        ([REPLAYED], [DIFFERENT], 1, "only 1 replay"),
        ([REPLAYED], [Contrast(key="k", calls=1, max_abs_delta=None)], 2, "a single call"),
        ([REPLAYED], [Contrast(key="k", calls=2, max_abs_delta=0.0)], 2, "the same eager output"),
        ([REPLAYED], [Contrast(key="other", calls=2, max_abs_delta=1.0)], 2, "same eager output"),
        ([replace(REPLAYED, max_abs_delta=None)], [DIFFERENT], 2, "no finite output"),
        ([replace(REPLAYED, noise_max_abs_delta=0.3)], [DIFFERENT], 2, "state()"),
    ],
)
def test_what_is_missing(
    calls: list[CallComparison], contrasts: list[Contrast], replays: int, reason: str
) -> None:
    assert reason in "; ".join(missing_evidence(calls, contrasts, replays))


def test_graphs_that_served_one_call_are_named() -> None:
    assert single_call_graphs([DIFFERENT, Contrast(key="tail", calls=1, max_abs_delta=None)]) == ("tail",)
