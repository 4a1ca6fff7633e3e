"""No probe finds anything in a program that is right: every clean twin, under all of them."""

from collections.abc import Callable

import pytest

from imp_graphcheck.faults.pairs import PAIRS
from imp_graphcheck.record.run import Run

TWINS = sorted({pair.twin_model for pair in PAIRS})


@pytest.mark.parametrize("twin", TWINS)
def test_all_probes_are_silent_on_the_twin(check: Callable[..., Run], twin: str) -> None:
    run = check(twin, probe="all", reps=0)
    assert run.findings == ()
    assert run.verdict == "clean", run.verdict_reason
