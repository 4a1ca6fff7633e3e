"""GC208 from end to end: the table is found, and the lines are right."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from imp_graphcheck.capture import tables
from imp_graphcheck.device.sim import graph_reader
from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.run import Run

Check = Callable[..., Run]
PROGRAMS = Path(__file__).with_name("table_programs.py")


def line_of(mark: str) -> int:
    lines = PROGRAMS.read_text().splitlines()
    (number,) = [number for number, line in enumerate(lines, 1) if line.endswith(f"# MARK {mark}")]
    return number


def the_finding(run: Run) -> Finding:
    (finding,) = run.findings
    assert finding.code == "GC208", finding.message
    return finding


def lines(finding: Finding) -> tuple[int | None, ...]:
    sites = (finding.allocation_site, finding.free_site, finding.launch_site)
    return tuple(site and site.line for site in sites)


def test_a_weight_that_goes(check: Check) -> None:
    run = check(f"{PROGRAMS}:Drops")
    finding = the_finding(run)
    assert [stage.status for stage in run.stages if stage.name in ("inspect", "replay")] == ["failed", "ok"]
    assert lines(finding) == (line_of("allocated"), line_of("freed"), line_of("read"))
    assert finding.message.startswith("self.table: 24 bytes, allocated at ")
    assert "holds 1 address of" in finding.message
    assert "; word 1 is 0x" in finding.message
    assert ", in self.weights[1]: 32 bytes, which is free" in finding.message


def test_numbers_beside_the_addresses(check: Check) -> None:
    finding = the_finding(check(f"{PROGRAMS}:DropsTheLast"))
    assert lines(finding)[1] == line_of("freed-all")
    assert "holds 3 addresses of" in finding.message
    assert "; word 3 is 0x" in finding.message


def test_memory_that_was_unmapped(check: Check) -> None:
    finding = the_finding(check(f"{PROGRAMS}:Unmaps"))
    assert lines(finding)[1] == line_of("unmapped")
    assert "is not mapped any more" in finding.message


def test_rows_of_one_tensor(check: Check) -> None:
    assert "holds 3 addresses of" in the_finding(check(f"{PROGRAMS}:DropsRows")).message


def test_a_weight_that_goes_between_replays(check: Check) -> None:
    assert lines(the_finding(check(f"{PROGRAMS}:DropsLater")))[1] == line_of("freed-later")


@pytest.mark.parametrize("name", ["CopiesTheTable", "TwoKeys"])
def test_each_death_is_told_once(check: Check, name: str) -> None:
    assert the_finding(check(f"{PROGRAMS}:{name}"))


def test_the_block_of_a_dead_table_is_not_looked_into(check: Check) -> None:
    assert {finding.code for finding in check(f"{PROGRAMS}:GivesTheTableAway").findings} == {"GC201"}


def test_what_was_not_searched_is_said(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MOST_BYTES", 16)
    run = check(f"{PROGRAMS}:Drops")
    assert run.findings == ()
    assert any("was searched for addresses: 16 bytes were" in note for note in run.notes)


def test_a_death_in_the_replay_is_filed_under_the_table(check: Check) -> None:
    (finding,) = check(f"{PROGRAMS}:DiesOfIt").findings
    assert finding.code == "GC208"
    assert len(finding.consequences) == 1


class TestWhereNobodyTellsWhatAKernelDoes:
    """As on a real card."""

    @pytest.fixture(autouse=True)
    def unknown(self, monkeypatch: pytest.MonkeyPatch) -> None:
        known = graph_reader._pointer

        def pointer(*arguments: Any) -> Any:
            return replace(known(*arguments), access="unknown", span_bytes=None)

        monkeypatch.setattr(graph_reader, "_pointer", pointer)

    def test_a_replay_must_leave_the_table_as_it_is(self, check: Check) -> None:
        run = check(f"{PROGRAMS}:Drops")
        assert the_finding(run)
        assert [stage.status for stage in run.stages if stage.name in ("inspect", "replay")] == ["ok", "ok"]

    def test_what_the_graph_writes_is_its_own_business(self, check: Check) -> None:
        run = check(f"{PROGRAMS}:WritesTheTable")
        assert run.findings == ()

    def test_a_death_in_the_first_replay(self, check: Check) -> None:
        assert [finding.code for finding in check(f"{PROGRAMS}:DiesOfIt").findings] == ["GC208"]
