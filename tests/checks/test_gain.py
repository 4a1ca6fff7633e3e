"""A graph that is not faster, told from timings alone."""

import pytest

from imp_graphcheck.checks.gain import check_gain
from imp_graphcheck.record.run import HostTime, Speed


def speed(*ratios: float, host: HostTime | None = None) -> Speed:
    """Pairs in which captured takes 10 ms and eager as many times that."""
    return Speed(
        eager_seconds=tuple(0.01 * ratio for ratio in ratios),
        captured_seconds=(0.01,) * len(ratios),
        captured_host=host,
    )


@pytest.mark.parametrize(
    ("ratios", "fires"),
    [
        ((0.98, 1.0, 1.01), True),
        ((0.3, 0.4, 0.6), True),
        ((0.98, 1.0, 1.03), False),  # one pair shows a gain
        ((0.7, 0.9, 1.0), False),  # the pairs contradict each other
        ((1.2, 1.3, 1.4), False),
        ((1.03, 1.03, 1.03), False),  # small, and certain
        ((0.5, 0.5), False),  # too few
        ((), False),
    ],
)
def test_it_fires_where_the_pairs_prove_it(ratios: tuple[float, ...], fires: bool) -> None:
    assert [finding.code for finding in check_gain(speed(*ratios))] == ["GC603"] * fires


def test_silence_where_nothing_can_be_known() -> None:
    slow = speed(0.5, 0.5, 0.5)
    assert check_gain(slow)
    assert check_gain(None) == ()
    assert check_gain(slow, timing_caveat="; on the software GPU") == ()
    assert check_gain(slow, fallbacks=1) == ()
    assert check_gain(speed(0.5, 0.5, 0.5, host=HostTime(between=0.3, wait=0.3)))
    assert check_gain(speed(0.5, 0.5, 0.5, host=HostTime(between=0.4, wait=0.3))) == ()


def test_it_is_a_note_that_says_where_the_host_was() -> None:
    host = HostTime(prepare=0.006, forward=0.001, between=0.0, wait=0.003)
    (finding,) = check_gain(speed(0.5, 0.5, 0.6, host=host))
    assert finding.severity == "note"
    assert finding.message == (
        "captured takes 10 ms where eager takes 5 ms: 0.50 to 0.60 times the speed of eager in 3 pairs; of the captured "
        "arm the host spent 60% in prepare, 10% launching graphs, 30% waiting for the device at the end"
    )


@pytest.mark.parametrize("host", [None, HostTime()])
def test_without_laps_it_says_nothing_of_them(host: HostTime | None) -> None:
    (finding,) = check_gain(speed(0.5, 0.5, 0.5, host=host))
    assert finding.message.endswith("in 3 pairs")
