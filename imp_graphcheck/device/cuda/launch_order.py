"""The order in which a graph's nodes may run."""

import heapq
from collections.abc import Iterable, Sequence


def launch_order(nodes: Sequence[int], edges: Iterable[tuple[int, int]]) -> list[int]:
    """`nodes` so that each comes after everything it waits for; among the possible orders, the one closest to
    the order given, which is that of creation.

    Raises ValueError if the edges form a circle, which no driver accepts.
    """
    position = {node: index for index, node in enumerate(nodes)}
    followers: dict[int, list[int]] = {node: [] for node in nodes}
    waiting = dict.fromkeys(nodes, 0)
    for source, target in edges:
        followers[source].append(target)
        waiting[target] += 1
    ready = [position[node] for node in nodes if not waiting[node]]
    heapq.heapify(ready)
    ordered: list[int] = []
    while ready:
        node = nodes[heapq.heappop(ready)]
        ordered.append(node)
        for follower in followers[node]:
            waiting[follower] -= 1
            if not waiting[follower]:
                heapq.heappush(ready, position[follower])
    if len(ordered) != len(nodes):
        raise ValueError(f"{len(nodes) - len(ordered)} of {len(nodes)} nodes wait for each other")
    return ordered
