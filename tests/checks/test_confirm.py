"""Two captures tell an address from a number that looks like one."""

import pytest
from msgspec.structs import replace

from imp_graphcheck.checks.confirm import confirm
from imp_graphcheck.record.graph import GraphTrace, Node, Param, Pointer
from imp_graphcheck.record.memory import Allocation

At = tuple[int, int | None, int]
"""Offset, generation and displacement of a pointer; its address is 1000 * generation + displacement."""


def pointer(offset: int, generation: int | None, displacement: int) -> Pointer:
    address = 1000 * (generation or 0) + displacement
    return Pointer(offset=offset, address=address, generation=generation, displacement=displacement)


def graph(*nodes: list[At], name: str = "axpy") -> GraphTrace:
    """One kernel for each list, with one parameter of 32 bytes."""
    made = tuple(
        Node(
            index=index,
            kind="kernel",
            name=name,
            params=(Param(name="arg0", data="00" * 32, pointers=tuple(pointer(*at) for at in places)),),
        )
        for index, places in enumerate(nodes)
    )
    return GraphTrace(key="k", nodes=made, capture_seconds=0.0, pool_bytes=None)


def memory(**sizes: int) -> dict[int, Allocation]:
    return {
        int(name[1:]): Allocation(generation=int(name[1:]), address=1000 * int(name[1:]), size_bytes=size)
        for name, size in sizes.items()
    }


def verdicts(trace: GraphTrace) -> list[bool | None]:
    return [each.confirmed for node in trace.nodes for param in node.params for each in param.pointers]


def test_the_same_place_of_another_allocation_is_an_address() -> None:
    judged = confirm(
        graph([(0, 1, 8)], [(0, 1, 0), (8, 2, 0)]), graph([(0, 5, 8)], [(0, 5, 0), (8, 6, 0)]), {}
    )
    assert verdicts(judged) == [True, True, True]


def test_another_place_is_not() -> None:
    assert verdicts(confirm(graph([(0, 1, 8)]), graph([(0, 5, 16)]), {})) == [False]


def test_nothing_at_that_place_is_not() -> None:
    assert verdicts(confirm(graph([(0, 1, 8), (16, 2, 0)]), graph([(0, 5, 8)]), {})) == [True, False]


def test_an_allocation_that_takes_no_part_of_the_first_is_not() -> None:
    """A stray word lands in memory whose part another allocation takes everywhere else."""
    base = graph([(0, 1, 0)], [(0, 1, 0)], [(8, 1, 0)])
    other = graph([(0, 5, 0)], [(0, 5, 0)], [(8, 6, 0)])
    assert verdicts(confirm(base, other, {})) == [True, True, False]


def test_allocations_of_different_sizes_take_no_part_of_each_other() -> None:
    assert verdicts(confirm(graph([(0, 1, 0)]), graph([(0, 5, 0)]), memory(g1=64, g5=64))) == [True]
    assert verdicts(confirm(graph([(0, 1, 0)]), graph([(0, 5, 0)]), memory(g1=64, g5=128))) == [False]


def test_what_both_captures_share_is_not_told() -> None:
    assert verdicts(confirm(graph([(0, 1, 8)]), graph([(0, 1, 8)]), {})) == [None]
    assert verdicts(confirm(graph([(0, 1, 8)]), graph([(0, 1, 16)]), {})) == [False]


@pytest.mark.parametrize(("mine", "theirs"), [(None, 5), (1, None)])
def test_memory_of_nobody_known_is_not_told(mine: int | None, theirs: int | None) -> None:
    assert verdicts(confirm(graph([(0, mine, 0)]), graph([(0, theirs, 0)]), {})) == [None]


def test_nodes_that_are_not_the_same_are_not_judged() -> None:
    base = graph([(0, 1, 0)], [(0, 1, 0)])
    assert verdicts(confirm(base, graph([(0, 5, 0)], name="other"), {})) == [None, None]
    assert verdicts(confirm(base, graph([(0, 5, 0)]), {})) == [True, None], "the second is missing there"


def test_a_verdict_that_stands_is_kept() -> None:
    base = graph([(0, 1, 0)])
    (node,) = base.nodes
    sure = replace(node.params[0].pointers[0], confirmed=True)
    base = replace(base, nodes=(replace(node, params=(replace(node.params[0], pointers=(sure,)),)),))
    assert verdicts(confirm(base, graph([]), {})) == [True]


def test_it_is_the_same_from_the_other_side_and_touches_nothing_else() -> None:
    first, second = graph([(0, 1, 8)], []), graph([(0, 5, 8)], [])
    assert verdicts(confirm(second, first, {})) == [True]
    judged = confirm(first, second, {})
    assert judged.nodes[1] is first.nodes[1]
    assert replace(judged, nodes=first.nodes) == first
