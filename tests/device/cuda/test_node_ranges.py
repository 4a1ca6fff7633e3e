"""Which nodes each operator made, where nodes have nodes inside."""

from imp_graphcheck.device.cuda.node_ranges import node_ranges
from imp_graphcheck.device.op_trace import Launch


def launch(began: int, ended: int) -> Launch:
    return Launch(op="op", stack=(), began=began, ended=ended)


def test_positions_are_marks_and_indices_count_through_child_graphs() -> None:
    nodes_at = {10: 0, 11: 1, 12: 2, 13: 2, 14: 3}
    created = [0, 1, 1, 1, 2]
    """The second node is a child graph with two nodes inside."""
    launches = [launch(10, 11), launch(11, 12), launch(12, 13), launch(13, 14)]
    assert node_ranges(created, launches, nodes_at.__getitem__) == [
        range(1),
        range(1, 4),
        range(4, 4),
        range(4, 5),
    ]


def test_without_nodes() -> None:
    assert node_ranges([], [launch(0, 0)], int) == [range(0)]
