"""Graphs read through a stand-in for the bindings: what each type of node becomes, and in which order."""

from typing import Any

import pytest

from imp_graphcheck.device.cuda.bindings import BindingsDriver
from imp_graphcheck.device.cuda.graph_reader import read_nodes
from imp_graphcheck.device.cuda.raw_node import RawNode
from imp_graphcheck.device.protocol import GraphUnreadableError


def read(bindings: Any, graph: int = 1) -> tuple[RawNode, ...]:
    return read_nodes(BindingsDriver(bindings, "13.3.1"), graph)


def test_an_empty_graph_has_no_nodes(bindings: Any) -> None:
    bindings.add(1, [])
    assert read(bindings) == ()


@pytest.mark.parametrize("edge_data", [True, False])
def test_a_chain_with_and_without_edge_data(bindings: Any, make: Any, edge_data: bool) -> None:
    bindings.edge_data = edge_data
    bindings.symbols["function", 7] = "axpy"
    bindings.add(1, [make.kernel(func=7)] * 3, [(0, 1), (1, 2)])
    nodes = read(bindings)
    assert [node.name for node in nodes] == ["axpy"] * 3
    assert [node.dependencies for node in nodes] == [(), (0,), (1,)]


def test_kernels_are_named_by_function_or_by_kernel_and_only_once(bindings: Any, make: Any) -> None:
    bindings.symbols |= {("function", 7): "_ZN2at6native5scaleEPff", ("kernel", 7): "triton_red_0"}
    bindings.add(1, [make.kernel(func=7), make.kernel(kern=7), make.kernel(func=7)])
    names = [node.name for node in read(bindings)]
    assert names == ["at::native::scale(float*, float)", "triton_red_0", "at::native::scale(float*, float)"]
    assert bindings.calls.count("function") == 1


def test_names_are_not_remembered_from_graph_to_graph(bindings: Any, make: Any) -> None:
    bindings.symbols["function", 7] = "before"
    bindings.add(1, [make.kernel(func=7)])
    driver = BindingsDriver(bindings, "13.3.1")
    read_nodes(driver, 1)
    bindings.symbols["function", 7] = "after"
    assert read_nodes(driver, 1)[0].name == "after"


COPIES = {
    "plain types": ((1, 10), (2, 20), "h2d"),
    "back": ((2, 10), (1, 20), "d2h"),
    "on the device": ((2, 10), (2, 20), "d2d"),
    "into an array": ((2, 10), (3, 20), "d2d"),
    "on the host": ((1, 10), (1, 20), "h2h"),
    "unified, resolved": ((4, 0xD0), (4, 0x50), "d2h"),
    "unified, unknown to the driver": ((4, 0xBAD), (2, 20), "h2d"),
    "unified, pinned": ((4, 0x50), (4, 0xD0), "h2d"),
    "a type from the future": ((9, 10), (2, 20), None),
}


@pytest.mark.parametrize(("source", "target", "direction"), COPIES.values(), ids=COPIES)
def test_direction_of_copies(
    bindings: Any, make: Any, source: Any, target: Any, direction: str | None
) -> None:
    bindings.memory |= {0xD0: make.Type.DEVICE, 0x50: make.Type.HOST}
    bindings.add(1, [make.copy(source, target)])
    (node,) = read(bindings)
    assert (node.kind, node.direction, node.size_bytes) == ("memcpy", direction, 64)
    assert node.name == (f"memcpy {direction}" if direction else "memcpy")


@pytest.mark.parametrize(("height", "depth", "size"), [(1, 1, 64), (0, 0, 64), (3, 1, 192), (3, 5, 960)])
def test_size_of_copies(bindings: Any, make: Any, height: int, depth: int, size: int) -> None:
    bindings.add(1, [make.copy((2, 1), (2, 2), height=height, depth=depth)])
    assert read(bindings)[0].size_bytes == size


OTHERS = {
    "host": (3, "host function"),
    "empty": (5, "empty"),
    "wait": (6, "event wait"),
    "record": (7, "event record"),
    "signal": (8, "external semaphore signal"),
    "memory operations": (12, "memory operations"),
    "unnamed": (16, "node of type 16"),
}


@pytest.mark.parametrize(("number", "name"), OTHERS.values(), ids=OTHERS)
def test_nodes_without_parameters(bindings: Any, make: Any, number: int, name: str) -> None:
    bindings.add(1, [make.Node(number)])
    assert read(bindings)[0].name == name


def test_memset_and_alloc_have_sizes(bindings: Any, make: Any) -> None:
    bindings.add(1, [make.memset(4, 100, 2), make.memset(1, 9, 0), make.alloc(4096), make.free(64)])
    assert [(node.kind, node.size_bytes) for node in read(bindings)] == [
        ("memset", 800),
        ("memset", 9),
        ("alloc", 4096),
        ("free", None),
    ]


def test_nodes_of_a_child_graph_follow_it_and_precede_what_waits_for_it(bindings: Any, make: Any) -> None:
    bindings.add(2, [make.Node(5), make.Node(5), make.Node(5)], [(0, 1), (0, 2)])
    bindings.add(1, [make.Node(3), make.child(2), make.Node(3)], [(0, 1), (1, 2)])
    nodes = read(bindings)
    assert [node.kind for node in nodes] == ["host", "graph", "empty", "empty", "empty", "host"]
    assert [node.dependencies for node in nodes] == [(), (0,), (1,), (2,), (2,), (3, 4)]
    assert [node.index for node in nodes] == list(range(6))


def test_child_graphs_nest_and_may_be_empty(bindings: Any, make: Any) -> None:
    bindings.add(4, [])
    bindings.add(3, [make.Node(5)])
    bindings.add(2, [make.child(3), make.child(4)], [(0, 1)])
    bindings.add(1, [make.child(2), make.Node(3)], [(0, 1)])
    nodes = read(bindings)
    assert [node.kind for node in nodes] == ["graph", "graph", "empty", "graph", "host"]
    assert [node.dependencies for node in nodes] == [(), (0,), (1,), (2,), (3,)]


def test_bodies_of_a_conditional_are_walked(bindings: Any, make: Any) -> None:
    bindings.add(2, [make.Node(5)])
    bindings.add(3, [make.Node(3), make.Node(3)], [(0, 1)])
    bindings.add(1, [make.conditional(2, 3), make.Node(7)], [(0, 1)])
    nodes = read(bindings)
    assert [node.kind for node in nodes] == ["conditional", "empty", "host", "host", "event"]
    assert [node.dependencies for node in nodes] == [(), (0,), (0,), (2,), (1, 3)]


def test_a_driver_that_hides_bodies_leaves_the_node_and_the_reason(bindings: Any, make: Any) -> None:
    bindings.add(1, [make.conditional()])
    (node,) = read(bindings)
    assert node.kind == "conditional"
    assert node.name == 'conditional (Function "cuGraphNodeGetParams" not found)'


def test_a_node_that_cannot_be_read_keeps_its_kind_and_says_why(bindings: Any, make: Any) -> None:
    bindings.symbols["function", 7] = "axpy"
    bindings.add(
        1, [make.kernel(func=8), make.Node(1, make.ILLEGAL_ADDRESS), make.Node(99), make.kernel(func=7)]
    )
    assert [(node.kind, node.name) for node in read(bindings)] == [
        ("kernel", "kernel (CUDA_ERROR_INVALID_VALUE)"),
        ("memcpy", "memcpy (CUDA_ERROR_ILLEGAL_ADDRESS)"),
        (
            "other",
            "node (cuGraphNodeGetType: cuda-bindings 13.3.1 is older than the driver: "
            "99 is not a valid CUgraphNodeType)",
        ),
        ("kernel", "axpy"),
    ]


def test_a_graph_whose_shape_cannot_be_had_is_unreadable(bindings: Any) -> None:
    bindings.cuGraphGetNodes = lambda *_: (700, [], 0)
    with pytest.raises(GraphUnreadableError, match="cannot be read: cuGraphGetNodes: 700"):
        read(bindings)


def test_a_function_that_the_bindings_lack_is_named() -> None:
    class Empty:
        """Bindings of another age."""

    with pytest.raises(
        GraphUnreadableError, match=r"cuGraphGetNodes: cuda-bindings 13\.3\.1 does not have it"
    ):
        read(Empty())
