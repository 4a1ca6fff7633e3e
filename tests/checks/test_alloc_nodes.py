"""Memory that launches allocate, judged from records alone."""

from typing import Any

from imp_graphcheck.checks.alloc_nodes import check_alloc_nodes
from imp_graphcheck.record.graph import GraphTrace, Node, Param
from imp_graphcheck.record.site import Site

LINE = Site(file="model.py", line=10, function="forward")


def node(
    index: int, kind: Any, address: int | None, size: int | None = None, launch: int | None = None
) -> Node:
    name = "target" if kind == "alloc" else "source"
    params = () if address is None else (Param(name=name, data=address.to_bytes(8, "little").hex()),)
    return Node(index=index, kind=kind, name=kind, params=params, size_bytes=size, launch=launch)


def graph(*nodes: Node, key: str = "k") -> GraphTrace:
    return GraphTrace(key=key, nodes=nodes, capture_seconds=0.0, pool_bytes=0, sites=(LINE,))


def found(*graphs: GraphTrace, held: tuple[int, ...] = ()) -> list[int | None]:
    findings = check_alloc_nodes(graphs, held=held)
    assert all((finding.code, finding.severity) == ("GC207", "warning") for finding in findings)
    return [finding.node for finding in findings]


ALLOC = node(0, "alloc", 0x1000, 512)


def test_an_allocation_without_a_free() -> None:
    assert found(graph(ALLOC)) == [0]
    assert found(graph(ALLOC, node(1, "free", 0x2000))) == [0]
    assert found(graph(node(0, "kernel", 0x1000))) == []


def test_a_free_of_the_same_address_settles_one_allocation() -> None:
    free = node(1, "free", 0x1000)
    assert found(graph(ALLOC, free)) == []
    assert found(graph(ALLOC, free, node(2, "alloc", 0x1000, 512))) == [2]
    assert found(graph(ALLOC, free, node(2, "alloc", 0x1000, 512), node(3, "free", 0x1000))) == []


def test_another_graph_may_free_it() -> None:
    assert found(graph(ALLOC), graph(node(0, "free", 0x1000), key="other")) == []


def test_memory_that_a_tensor_lies_in_has_an_owner() -> None:
    assert found(graph(ALLOC), held=(0x1000,)) == []
    assert found(graph(ALLOC), held=(0x11FF,)) == []
    assert found(graph(ALLOC), held=(0x1200, 0xFFF)) == [0]


def test_what_the_driver_does_not_tell_is_nothing_to_speak_of() -> None:
    assert found(graph(node(0, "alloc", None, 512))) == []
    assert found(graph(ALLOC, node(1, "free", None))) == []


def test_one_line_is_told_once() -> None:
    nodes = [node(index, "alloc", 0x1000 * (index + 1), 512, launch=0) for index in range(3)]
    (finding,) = check_alloc_nodes([graph(*nodes)])
    assert "3 alloc nodes of 1536 bytes" in finding.message
    assert "at or before model.py:10" in finding.message
    assert found(graph(*(node(index, "alloc", 0x1000 * (index + 1), 512) for index in range(3)))) == [0, 1, 2]
