"""Addresses in tables, judged from records alone."""

from typing import Any

import pytest
from msgspec.structs import replace

from imp_graphcheck.checks.table_places import TablePlace
from imp_graphcheck.checks.tables import PointerTable, TableEntry, check_tables
from imp_graphcheck.record.graph import GraphTrace, Node, Param
from imp_graphcheck.record.memory import Allocation
from imp_graphcheck.record.site import Site

BORN = Site(file="model.py", line=10, function="build")
DIED = Site(file="model.py", line=20, function="drop")
MADE = Site(file="model.py", line=30, function="table")
WEIGHT = Allocation(
    generation=2,
    address=0x9000,
    size_bytes=32,
    allocation_site=BORN,
    free_site=DIED,
    state="freed",
    names=("self.w",),
)
TABLE = Allocation(generation=1, address=0x1000, size_bytes=24, allocation_site=MADE, names=("self.table",))
NODE = Node(index=3, kind="kernel", name="gather", params=(Param(name="self", data=""),))


def entry(index: int = 1, **changes: Any) -> TableEntry:
    return TableEntry(**{"index": index, "address": 0x9000, "generation": 2, "owner": None, **changes})


def table(*entries: TableEntry, key: str = "k", at: Allocation = TABLE, settled: bool = True) -> PointerTable:
    graph = GraphTrace(key=key, nodes=(NODE,), capture_seconds=0.0, pool_bytes=0, pool="pool 0:1")
    place = TablePlace(
        graph=graph,
        node=NODE,
        param=NODE.params[0],
        allocation=at,
        address=at.address,
        size_bytes=24,
        read_only=settled,
    )
    return PointerTable(place=place, entries=entries, settled=settled)


def codes(target: Allocation, *tables: PointerTable) -> list[str]:
    return [finding.code for finding in check_tables(tables or (table(entry()),), {2: target})]


@pytest.mark.parametrize(
    ("changes", "fires"),
    [
        ({}, True),
        ({"state": "unmapped"}, True),
        ({"state": "live", "free_site": None}, False),
        ({"pool": "pool 0:1"}, False),
        ({"pool": "pool 0:2"}, True),
    ],
)
def test_the_state_of_the_allocation_decides(changes: dict[str, Any], fires: bool) -> None:
    assert codes(replace(WEIGHT, **changes)) == ["GC208"] * fires


def test_an_address_that_somebody_else_has_may_have_been_filled_in_again() -> None:
    assert codes(WEIGHT, table(entry(owner=7))) == []
    assert codes(WEIGHT, table(entry(owner=2))) == ["GC208"]


def test_a_table_that_the_graph_may_write_is_not_judged() -> None:
    assert codes(WEIGHT, table(entry(), settled=False)) == []


def test_an_unknown_allocation_is_not_judged() -> None:
    assert check_tables([table(entry())], {}) == ()


def test_what_the_finding_says() -> None:
    (finding,) = check_tables([table(entry())], {2: WEIGHT})
    assert (finding.graph, finding.node, finding.kernel, finding.argument) == ("k", 3, "gather", "self")
    assert (finding.allocation_site, finding.free_site) == (BORN, DIED)
    assert (finding.severity, finding.confidence) == ("error", "suspected")
    assert finding.message == (
        "self.table: 24 bytes, allocated at model.py:30 table(), holds 1 address of "
        "memory that was given back since the capture; word 1 is 0x9000, in self.w: 32 bytes, which is free: the next "
        "allocation that fits gets it; read by node 3 gather, argument self"
    )
    (faulting,) = check_tables([table(entry())], {2: replace(WEIGHT, state="unmapped")})
    assert "which is not mapped any more: a kernel that follows it faults; read by" in faulting.message


def test_a_word_that_two_graphs_read_counts_once() -> None:
    (finding,) = check_tables([table(entry(), entry(2)), table(entry(), key="b")], {2: WEIGHT})
    assert (finding.graph, "holds 2 addresses" in finding.message) == ("k", True)


def test_tables_of_one_line_are_told_once() -> None:
    second = replace(TABLE, generation=5, address=0x2000)
    (finding,) = check_tables([table(entry()), table(entry(), at=second)], {2: WEIGHT})
    assert "24 bytes (and 1 more from the same line)" in finding.message
    elsewhere = replace(second, allocation_site=BORN)
    assert len(check_tables([table(entry()), table(entry(), at=elsewhere)], {2: WEIGHT})) == 2
    unknown = [replace(each, allocation_site=None) for each in (TABLE, second)]
    assert len(check_tables([table(entry(), at=each) for each in unknown], {2: WEIGHT})) == 2


def test_deaths_at_different_lines_are_told_apart() -> None:
    memory = {2: WEIGHT, 3: replace(WEIGHT, generation=3, free_site=MADE)}
    assert len(check_tables([table(entry(), entry(2, generation=3))], memory)) == 2
    memory[3] = replace(WEIGHT, generation=3)
    assert len(check_tables([table(entry(), entry(2, generation=3))], memory)) == 1
