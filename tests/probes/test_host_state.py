"""Host state that a replay leaves alone: named with its values, and an error only where answers depend on it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from imp_graphcheck.capture.settings import ALWAYS, chosen_probes
from imp_graphcheck.checks.causes import causes_of
from imp_graphcheck.record.run import Run
from imp_graphcheck.target.scalars import same, scalars

Check = Callable[..., Run]

PROGRAMS = '''
from imp_graphcheck.faults.programs.base import Doubling
from imp_graphcheck.faults.programs.counted import CountsInForward

class Uncounted(Doubling):
    """Counts, and goes by nothing that it counted."""
    def setup(self, device):
        super().setup(device)
        self.stats = {"steps": 0}
    def forward(self, call):
        self.stats["steps"] += 1
        return self.x * 2

class WrongAnyway(Uncounted):
    """The same, with a number that the capture freezes."""
    def prepare(self, call):
        super().prepare(call)
        self.factor = call["value"]
    def forward(self, call):
        self.stats["steps"] += 1
        return self.x * self.factor
'''


@pytest.fixture
def checked(check: Check, tmp_path: Path) -> Callable[[str], Run]:
    (tmp_path / "counting.py").write_text(PROGRAMS)
    return lambda name: check(f"{tmp_path / 'counting.py'}:{name}", reps=0)


def of_probe(run: Run) -> list[str]:
    return [probe.outcome for probe in run.probes if probe.probe == "host state"]


def test_a_counter_that_answers_depend_on_is_proven(checked: Callable[[str], Run]) -> None:
    run = checked("CountsInForward")
    (finding,) = [finding for finding in run.findings if finding.code == "GC407"]
    assert (finding.severity, finding.confidence) == ("error", "confirmed")
    assert "self.step is changed by every eager forward, 0 -> 1 -> 2, and by no replay" in finding.message
    assert of_probe(run) == ["wrong", "right"]
    causes = causes_of(run.findings, run.probes)
    (cause,) = [cause for cause in causes if cause.finding.code == "GC407"]
    assert [probe.probe for probe in cause.proof] == ["host state"]


def test_a_counter_without_consequence_is_a_note(checked: Callable[[str], Run]) -> None:
    run = checked("Uncounted")
    (finding,) = run.findings
    assert (finding.code, finding.severity) == ("GC407", "note")
    assert [stage.status for stage in run.stages if stage.name == "host-state"] == ["ok"]
    assert "self.stats['steps']" in finding.message
    assert run.verdict == "clean", run.verdict_reason


def test_a_counter_is_not_blamed_for_what_something_else_does(checked: Callable[[str], Run]) -> None:
    run = checked("WrongAnyway")
    (finding,) = [finding for finding in run.findings if finding.code == "GC407"]
    assert finding.severity == "warning"
    assert run.findings[0].code == "GC301"
    assert of_probe(run) == ["wrong", "wrong"]


def test_the_engine_has_none(check: Check) -> None:
    run = check("qwen3-tiny", reps=0)
    assert run.findings == ()
    assert of_probe(run) == ["right"]


def test_it_is_always_run() -> None:
    assert chosen_probes("") == ALWAYS == ("host-state",)
    assert chosen_probes("delay") == ("host-state", "delay")


class Slotted:
    __slots__ = ("count", "unset")

    def __init__(self) -> None:
        self.count = 1


class Holder:
    total = 3

    def __init__(self) -> None:
        self.inner, self.stats, self.name = Slotted(), {"tokens": 5}, "a"

    @property
    def looked_at(self) -> int:
        raise AssertionError("nothing of the program is called")


def test_places_and_how_they_are_set() -> None:
    holder = Holder()
    found = scalars({"self": holder, "STEP": 7})
    values = {name: place.value for name, place in found.items()}
    assert values == {"STEP": 7, "self.name": "a", "self.inner.count": 1, "self.stats['tokens']": 5}
    for name, value in (("self.inner.count", 9), ("self.stats['tokens']", 8), ("self.name", "b")):
        put = found[name].put
        assert put is not None
        put(value)
    assert (holder.inner.count, holder.stats["tokens"], holder.name) == (9, 8, "b")
    assert found["STEP"].put is None


def test_nan_is_nan_and_true_is_not_one() -> None:
    assert same(float("nan"), float("nan"))
    assert not same(True, 1)
