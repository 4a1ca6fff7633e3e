"""Where tables may be, judged from records alone."""

from typing import Any

import pytest
from msgspec.structs import replace

from imp_graphcheck.checks.table_places import MOST_BYTES, table_places
from imp_graphcheck.record.graph import GraphTrace, Node, Param, Pointer
from imp_graphcheck.record.memory import Allocation

TABLE = Allocation(generation=1, address=0x1000, size_bytes=512)
OWN, OTHER = "pool 0:1", "pool 0:2"


def pointer(**changes: Any) -> Pointer:
    return replace(Pointer(offset=0, address=0x1000, generation=1, span_bytes=64, access="read"), **changes)


def places(*pointers: Pointer, table: Allocation = TABLE) -> list[tuple[int, int, bool]]:
    nodes = [
        Node(index=index, kind="kernel", name="k", params=(Param(name="a", data="", pointers=(each,)),))
        for index, each in enumerate(pointers)
    ]
    graph = GraphTrace(key="k", nodes=tuple(nodes), capture_seconds=0.0, pool_bytes=0, pool=OWN)
    found = table_places(graph, {1: table}, pools={OWN, OTHER})
    return [(place.address, place.size_bytes, place.read_only) for place in found]


def test_what_a_node_reads() -> None:
    assert places(pointer()) == [(0x1000, 64, True)]
    assert places(pointer(), pointer()) == [(0x1000, 64, True)]
    assert places(pointer(access="unknown", span_bytes=None)) == [(0x1000, 512, False)]
    assert places(pointer(address=0x1100, access="unknown", span_bytes=None)) == [(0x1100, 256, False)]


def test_the_smallest_first() -> None:
    assert [size for _, size, _ in places(pointer(), pointer(address=0x1040, span_bytes=8))] == [8, 64]


@pytest.mark.parametrize(
    "changes",
    [{"state": "freed"}, {"state": "unmapped"}, {"space": "pinned"}, {"pool": OWN}, {"pool": OTHER}],
)
def test_memory_that_is_not_looked_into(changes: dict[str, Any]) -> None:
    assert places(pointer(), table=replace(TABLE, **changes)) == []


def test_what_the_graph_writes_is_its_own_business() -> None:
    assert places(pointer(access="write")) == []
    assert places(pointer(access="readwrite")) == []
    assert places(pointer(), pointer(access="write")) == []
    assert places(pointer(), pointer(access="write", address=0x1038, span_bytes=8)) == []
    assert places(pointer(), pointer(access="write", address=0x1040, span_bytes=8)) == [(0x1000, 64, True)]
    assert places(pointer(), pointer(access="write", span_bytes=None, address=0x1040)) == [(0x1000, 64, True)]


def test_a_kernel_of_which_nobody_knows_what_it_does() -> None:
    mixed = places(pointer(), pointer(access="unknown", address=0x1100, span_bytes=None))
    assert mixed == [(0x1000, 64, False), (0x1100, 256, False)]


def test_numbers_and_odd_addresses_lead_nowhere() -> None:
    assert places(pointer(confirmed=False)) == []
    assert places(pointer(generation=None)) == []
    assert places(pointer(address=0x1004)) == []
    assert places(pointer(span_bytes=4)) == []
    assert places(pointer(span_bytes=12)) == [(0x1000, 8, True)]


def test_large_memory_is_no_table() -> None:
    large = replace(TABLE, size_bytes=64 << 20)
    assert places(pointer(span_bytes=MOST_BYTES), table=large) == [(0x1000, MOST_BYTES, True)]
    assert places(pointer(span_bytes=MOST_BYTES + 8), table=large) == []
    assert places(pointer(span_bytes=None, access="unknown"), table=large) == []
    arena = replace(TABLE, size_bytes=1 << 20)
    assert places(pointer(span_bytes=None, access="unknown"), table=arena) == [(0x1000, MOST_BYTES, False)]
