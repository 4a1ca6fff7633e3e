"""What graphs point at, judged from records alone."""

from typing import Any

import pytest
from msgspec.structs import replace

from imp_graphcheck.checks.lifetimes import Moved, check_lifetimes, check_transients
from imp_graphcheck.record.graph import Access, GraphTrace, Node, Param, Pointer
from imp_graphcheck.record.memory import Allocation
from imp_graphcheck.record.site import Site

BORN = Site(file="model.py", line=10, function="build")
DIED = Site(file="model.py", line=20, function="drop")
TABLE = Allocation(generation=1, address=0x1000, size_bytes=512, allocation_site=BORN, names=("self.table",))


def pointer(**changes: Any) -> Pointer:
    return replace(Pointer(offset=0, address=0x1000, generation=1, span_bytes=512, access="read"), **changes)


def node(index: int, *pointers: Pointer, kind: Any = "kernel") -> Node:
    params = tuple(
        Param(name=f"arg{place}", data="00" * 8, pointers=(each,)) for place, each in enumerate(pointers)
    )
    return Node(index=index, kind=kind, name="mul", params=params)


def graph(*nodes: Node, key: str = "k", pool: str = "pool 0:1") -> GraphTrace:
    return GraphTrace(key=key, nodes=nodes, capture_seconds=0.0, pool_bytes=0, pool=pool)


def judged(allocation: Allocation, *graphs: GraphTrace, **options: Any) -> list[str]:
    chosen = graphs or (graph(node(0, pointer())),)
    return [finding.code for finding in check_lifetimes(chosen, {1: allocation}, **options)]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, []),
        ({"state": "freed", "free_site": DIED}, ["GC201"]),
        ({"state": "unmapped", "free_site": DIED}, ["GC202"]),
        ({"pool": "pool 0:1", "state": "freed"}, []),
        ({"pool": "pool 0:1", "state": "live"}, []),
        ({"pool": "pool 0:9", "state": "live"}, []),
        ({"pool": "pool 0:9", "state": "freed"}, ["GC201"]),
    ],
)
def test_state_and_pool_decide(changes: dict[str, Any], code: list[str]) -> None:
    assert judged(replace(TABLE, **changes)) == code


def test_a_word_that_the_second_capture_refuted_is_no_pointer() -> None:
    refuted = graph(node(0, pointer(confirmed=False)))
    assert judged(replace(TABLE, state="freed"), refuted) == []


def test_all_users_of_one_allocation_are_one_finding() -> None:
    freed = replace(TABLE, state="freed", free_site=DIED)
    graphs = (
        graph(node(3, pointer()), node(4, pointer())),
        graph(node(7, pointer()), key="b", pool="pool 0:2"),
    )
    (finding,) = check_lifetimes(graphs, {1: freed})
    assert (finding.node, finding.kernel, finding.argument, finding.graph) == (3, "mul", "arg0", "k")
    assert (finding.allocation_site, finding.free_site) == (BORN, DIED)
    assert "self.table: 512 bytes, read by 3 nodes in 2 graphs, is free" in finding.message


def test_allocations_of_one_line_are_told_once() -> None:
    freed = replace(TABLE, state="freed", free_site=DIED)
    second = replace(freed, generation=2, address=0x3000)
    graphs = (graph(node(0, pointer(), pointer(address=0x3000, generation=2))),)
    (finding,) = check_lifetimes(graphs, {1: freed, 2: second})
    assert "(and 1 more from the same line)" in finding.message


def test_allocations_without_a_line_are_told_apart() -> None:
    freed = replace(TABLE, state="freed", allocation_site=None)
    second = replace(freed, generation=2, address=0x3000)
    graphs = (graph(node(0, pointer(), pointer(address=0x3000, generation=2))),)
    assert len(check_lifetimes(graphs, {1: freed, 2: second})) == 2


@pytest.mark.parametrize(("access", "codes"), [("read", ["GC203"]), ("unknown", ["GC203"]), ("write", [])])
def test_replaced_buffers_matter_to_readers(access: Access, codes: list[str]) -> None:
    moved = [Moved(name="self.table", old=0x1000, new=0x9000)]
    assert judged(TABLE, graph(node(0, pointer(access=access))), moved=moved) == codes


def test_a_move_elsewhere_says_nothing_of_this_allocation() -> None:
    assert judged(TABLE, moved=[Moved(name="self.other", old=0x5000, new=0x9000)]) == []


def test_pinned_sources_of_copies() -> None:
    host = replace(TABLE, space="pinned", pool="pinned", state="freed")
    copy = graph(node(0, pointer(), kind="memcpy"))
    assert judged(host, copy) == ["GC206"]
    assert judged(replace(host, state="live"), copy) == []
    assert judged(host, graph(node(0, pointer()))) == []


def test_live_tensor_on_the_place_of_a_transient() -> None:
    kept = Allocation(generation=5, address=0x8000, size_bytes=512, pool="pool 0:1", allocation_site=BORN)
    transient = pointer(address=0x8000, generation=4, access="write")
    own = pointer(address=0x8000, generation=5, access="write")
    assert [f.code for f in check_transients((graph(node(0, transient)),), {5: kept})] == ["GC205"]
    assert check_transients((graph(node(0, transient), node(1, own)),), {5: kept}) == ()
    assert check_transients((graph(node(0, replace(transient, access="read"))),), {5: kept}) == ()
    assert check_transients((graph(node(0, transient)),), {5: replace(kept, state="freed")}) == ()
    assert check_transients((graph(node(0, replace(transient, address=0x7000))),), {5: kept}) == ()
