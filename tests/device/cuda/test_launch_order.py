"""Launch order: a topological one, and of those the one nearest to creation."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imp_graphcheck.device.cuda.launch_order import launch_order


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[int], list[tuple[int, int]]]:
    """Nodes created in any order of an acyclic graph."""
    count = draw(st.integers(1, 12))
    pairs = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)).filter(
        lambda pair: pair[0] < pair[1]
    )
    edges = draw(st.lists(pairs, unique=True)) if count > 1 else []
    return draw(st.permutations(range(count))), edges


@given(graphs())
def test_every_node_once_and_after_what_it_waits_for(graph: tuple[list[int], list[tuple[int, int]]]) -> None:
    nodes, edges = graph
    ordered = launch_order(nodes, edges)
    assert sorted(ordered) == sorted(nodes)
    assert all(ordered.index(source) < ordered.index(target) for source, target in edges)


@given(st.permutations(range(8)))
def test_creation_order_stands_where_nothing_forbids_it(nodes: list[int]) -> None:
    chain = list(pairwise(nodes))
    assert launch_order(nodes, []) == nodes
    assert launch_order(nodes, chain) == nodes


def test_two_branches_keep_their_interleaving() -> None:
    assert launch_order([10, 20, 11, 21, 30], [(10, 11), (20, 21), (11, 30), (21, 30)]) == [
        10,
        20,
        11,
        21,
        30,
    ]


def test_a_circle_is_refused() -> None:
    with pytest.raises(ValueError, match="2 of 3 nodes wait for each other"):
        launch_order([1, 2, 3], [(2, 3), (3, 2)])
