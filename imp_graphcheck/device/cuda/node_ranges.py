"""Which nodes of a graph each operator made."""

from bisect import bisect_left
from collections.abc import Callable, Sequence

from imp_graphcheck.device.op_trace import Launch


def node_ranges(
    created: Sequence[int], launches: Sequence[Launch], nodes_at: Callable[[int], int]
) -> list[range]:
    """One range of indices for each of `launches`.

    `created` is each node's place in the order of creation, by index. It never falls: a capture makes a node after all
    that it waits for, so nodes are launched in the order of their creation, and those inside another have its place.
    `nodes_at` turns a position in the capture into a number of nodes created.
    """
    return [
        range(bisect_left(created, nodes_at(launch.began)), bisect_left(created, nodes_at(launch.ended)))
        for launch in launches
    ]
