"""The nodes of a captured graph, read from the driver, those of its child graphs and conditional bodies included."""

from collections.abc import Iterable

from imp_graphcheck.device.cuda.graph_driver import DriverError, GraphDriver
from imp_graphcheck.device.cuda.launch_order import launch_order
from imp_graphcheck.device.cuda.node_reader import NodeReader
from imp_graphcheck.device.cuda.raw_node import RawNode
from imp_graphcheck.device.protocol import GraphUnreadableError


def read_nodes(driver: GraphDriver, graph: int) -> tuple[RawNode, ...]:
    """Every node of `graph` in launch order; the nodes inside a node follow it.

    Indices count through all of them. What waits for a node with nodes inside depends on the last of those. A
    node whose parameters the driver does not tell keeps its kind, and its name says why.

    Raises GraphUnreadableError when not even the shape of the graph can be had.
    """
    reading = _Reading(driver)
    try:
        reading.walk(graph, after=(), inside=None)
    except (DriverError, ValueError) as error:
        raise GraphUnreadableError(f"The graph cannot be read: {error}.") from error
    return tuple(reading.nodes)


class _Reading:
    """One pass over one graph."""

    def __init__(self, driver: GraphDriver) -> None:
        self.nodes: list[RawNode] = []
        self._driver = driver
        self._reader = NodeReader(driver)

    def walk(self, graph: int, *, after: tuple[int, ...], inside: RawNode | None) -> tuple[int, ...]:
        """Append the nodes of `graph`, whose first ones wait for `after`; returns what its end waits for."""
        handles = self._driver.nodes(graph)
        edges = self._driver.edges(graph)
        created = {handle: place for place, handle in enumerate(handles)}
        before: dict[int, list[int]] = {handle: [] for handle in handles}
        for source, target in edges:
            before[target].append(source)
        last: dict[int, tuple[int, ...]] = {}
        for handle in launch_order(handles, edges):
            node = self._reader.read(
                handle,
                index=len(self.nodes),
                created=created[handle] if inside is None else inside.created,
                dependencies=_union(last[source] for source in before[handle]) or after,
            )
            self.nodes.append(node)
            last[handle] = self._ends(node)
        followed = {source for source, _ in edges}
        return _union(last[handle] for handle in handles if handle not in followed)

    def _ends(self, node: RawNode) -> tuple[int, ...]:
        """Append what is inside `node`; returns the indices whose completion is its completion."""
        here = (node.index,)
        if not node.inner:
            return here
        return _union(self.walk(graph, after=here, inside=node) for graph in node.inner) or here


def _union(groups: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    """The indices of all groups, each once, ascending."""
    found = list(groups)
    if len(found) == 1:
        return found[0]
    return tuple(sorted({index for group in found for index in group}))
