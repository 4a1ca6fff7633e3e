"""Every rule that `capture` can report fires on a small program, at the marked line, and is silent on its twin."""

from collections.abc import Callable
from pathlib import Path

import pytest

from imp_graphcheck.faults.pairs import PAIRS, Pair
from imp_graphcheck.record.run import Run

Check = Callable[..., Run]
BY_NAME = [pytest.param(pair, id=f"{pair.code}-{pair.fault}") for pair in PAIRS]
ON_SIM = [parameter for parameter in BY_NAME if not parameter.values[0].cuda_only]
"""Pairs whose fault the software GPU can show."""


def test_there_are_pairs() -> None:
    assert len(PAIRS) >= 23
    assert len(ON_SIM) >= 21


@pytest.mark.parametrize("pair", ON_SIM)
def test_fault_fires_at_its_line(check: Check, pair: Pair) -> None:
    run = check(pair.fault_model, probe=pair.probe, lockstep=pair.code == "GC502")
    found = [finding for finding in run.findings if finding.code == pair.code]
    assert found, [(finding.code, finding.message) for finding in run.findings]
    sites = {
        "allocation": found[0].allocation_site,
        "free": found[0].free_site,
        "launch": found[0].launch_site,
    }
    for place, expected in pair.expected_lines().items():
        site = sites[place]
        assert site is not None, place
        assert (Path(site.file).name, site.line) == expected, place


@pytest.mark.parametrize("pair", BY_NAME)
def test_twin_is_silent(check: Check, pair: Pair) -> None:
    run = check(pair.twin_model, probe=pair.probe, lockstep=pair.code == "GC502")
    assert run.findings == ()
    assert run.verdict == "clean", run.verdict_reason
