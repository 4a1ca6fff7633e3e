"""A second capture of the same call that reads other memory."""

from typing import Any

from msgspec.structs import replace

from imp_graphcheck.checks.repointed import check_repointed
from imp_graphcheck.record.graph import GraphTrace, Node, Param, Pointer
from imp_graphcheck.record.memory import Allocation
from imp_graphcheck.record.site import Site

BORN, LATER = (Site(file="model.py", line=line, function="load") for line in (3, 9))
OLD = Allocation(generation=1, address=0x1000, size_bytes=512, allocation_site=BORN)
NEW = Allocation(generation=2, address=0x5000, size_bytes=512, allocation_site=LATER)
MEMORY = {1: OLD, 2: NEW}


def pointer(allocation: Allocation, **changes: Any) -> Pointer:
    at = Pointer(offset=0, address=allocation.address, generation=allocation.generation, access="read")
    return replace(at, **changes)


def graph(*pointers: Pointer, pool: str = "pool A", name: str = "mul") -> GraphTrace:
    nodes = tuple(
        Node(index=index, kind="kernel", name=name, params=(Param(name="w", data="", pointers=(each,)),))
        for index, each in enumerate(pointers)
    )
    return GraphTrace(key="k", nodes=nodes, capture_seconds=0.0, pool_bytes=0, pool=pool)


def codes(base: GraphTrace, again: GraphTrace, memory: dict[int, Allocation] = MEMORY) -> list[str]:
    return [finding.code for finding in check_repointed(base, again, memory)]


def test_one_finding_for_all_that_read_it() -> None:
    base, again = graph(pointer(OLD), pointer(OLD)), graph(pointer(NEW), pointer(NEW))
    (finding,) = check_repointed(base, again, MEMORY)
    assert (finding.code, finding.node, finding.argument, finding.allocation_site) == ("GC203", 0, "w", BORN)
    assert "2 nodes" in finding.message
    assert "model.py:9" in finding.message


def test_the_same_memory_is_silent() -> None:
    assert codes(graph(pointer(OLD)), graph(pointer(OLD))) == []


def test_buffers_that_change_places_are_silent() -> None:
    assert codes(graph(pointer(OLD), pointer(NEW)), graph(pointer(NEW), pointer(OLD))) == []


def test_what_is_only_written_is_silent() -> None:
    assert codes(graph(pointer(OLD, access="write")), graph(pointer(NEW, access="write"))) == []
    assert codes(graph(pointer(OLD, access="unknown")), graph(pointer(NEW, access="unknown"))) == ["GC203"]


def test_a_word_that_was_no_address_is_silent() -> None:
    assert codes(graph(pointer(OLD, confirmed=False)), graph(pointer(NEW))) == []


def test_another_place_in_the_other_memory_is_silent() -> None:
    assert codes(graph(pointer(OLD)), graph(pointer(NEW, displacement=64))) == []


def test_memory_of_the_graphs_own_is_silent() -> None:
    own = {1: replace(OLD, pool="pool A"), 2: replace(NEW, pool="pool B")}
    assert codes(graph(pointer(OLD)), graph(pointer(NEW), pool="pool B"), own) == []
    assert codes(graph(pointer(OLD)), graph(pointer(NEW), pool="pool B"), {**own, 1: OLD}) == []


def test_dead_memory_is_left_to_the_rules_for_it() -> None:
    assert codes(graph(pointer(OLD)), graph(pointer(NEW)), {**MEMORY, 1: replace(OLD, state="freed")}) == []


def test_other_kernels_are_not_compared() -> None:
    assert codes(graph(pointer(OLD)), graph(pointer(NEW), name="add")) == []


def test_what_the_graph_writes_before_it_reads_may_lie_anywhere() -> None:
    def scratch(allocation: Allocation, written_bytes: int) -> GraphTrace:
        return graph(
            pointer(allocation, access="write", span_bytes=written_bytes),
            pointer(allocation, span_bytes=256),
        )

    assert codes(scratch(OLD, 256), scratch(NEW, 256)) == []
    assert codes(scratch(OLD, 128), scratch(NEW, 128)) == ["GC203"], "the rest has content from before"


def test_one_finding_for_all_that_one_line_allocated() -> None:
    more = {3: replace(OLD, generation=3, address=0x9000), 4: replace(NEW, generation=4, address=0xD000)}
    base, again = graph(pointer(OLD), pointer(more[3])), graph(pointer(NEW), pointer(more[4]))
    (finding,) = check_repointed(base, again, MEMORY | more)
    assert "1 more from the same line" in finding.message
