"""The nodes of a captured graph, read from the driver, those of its child graphs and conditional bodies included."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from imp_graphcheck.device.cuda.copy_direction import copy_direction
from imp_graphcheck.device.cuda.demangle import demangle
from imp_graphcheck.device.cuda.graph_driver import DriverError, Function, GraphDriver
from imp_graphcheck.device.cuda.launch_order import launch_order
from imp_graphcheck.device.protocol import GraphUnreadableError
from imp_graphcheck.record.graph import CopyDirection, Node, NodeKind

_TYPES: dict[int, tuple[NodeKind, str]] = {
    0: ("kernel", "kernel"),
    1: ("memcpy", "memcpy"),
    2: ("memset", "memset"),
    3: ("host", "host function"),
    4: ("graph", "child graph"),
    5: ("empty", "empty"),
    6: ("event", "event wait"),
    7: ("event", "event record"),
    8: ("other", "external semaphore signal"),
    9: ("other", "external semaphore wait"),
    10: ("alloc", "alloc"),
    11: ("free", "free"),
    12: ("other", "memory operations"),
    13: ("conditional", "conditional"),
}
"""CUgraphNodeType, in our words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Detail:
    """What the driver tells of one node beyond its type."""

    name: str
    direction: CopyDirection | None = None
    size_bytes: int | None = None
    inner: tuple[int, ...] = ()
    """Graphs that run as part of this node."""


def read_nodes(driver: GraphDriver, graph: int) -> tuple[Node, ...]:
    """Every node of `graph` in launch order; the nodes inside a node follow it.

    Indices count through all of them. What waits for a node with nodes inside depends on the last of those. A
    node whose parameters the driver does not tell keeps its kind, and its name says why.

    Raises GraphUnreadableError when not even the shape of the graph can be had.
    """
    reading = _Reading(driver)
    try:
        reading.walk(graph, after=())
    except (DriverError, ValueError) as error:
        raise GraphUnreadableError(f"The graph cannot be read: {error}.") from error
    return tuple(reading.nodes)


class _Reading:
    """One pass over one graph.

    Names are remembered for this pass only: a handle may mean another function once a module was unloaded.
    """

    def __init__(self, driver: GraphDriver) -> None:
        self.nodes: list[Node] = []
        self._driver = driver
        self._names: dict[Function, str] = {}
        self._details: dict[NodeKind, Callable[[int], _Detail]] = {
            "kernel": self._kernel,
            "memcpy": self._memcpy,
            "memset": lambda node: _Detail(name="memset", size_bytes=driver.memset_bytes(node)),
            "alloc": lambda node: _Detail(name="alloc", size_bytes=driver.allocated_bytes(node)),
            "graph": lambda node: _Detail(name="child graph", inner=(driver.child_graph(node),)),
            "conditional": lambda node: _Detail(name="conditional", inner=tuple(driver.bodies(node))),
        }

    def walk(self, graph: int, *, after: tuple[int, ...]) -> tuple[int, ...]:
        """Append the nodes of `graph`, whose first ones wait for `after`; returns what its end waits for."""
        handles = self._driver.nodes(graph)
        edges = self._driver.edges(graph)
        before: dict[int, list[int]] = {handle: [] for handle in handles}
        for source, target in edges:
            before[target].append(source)
        last: dict[int, tuple[int, ...]] = {}
        for handle in launch_order(handles, edges):
            dependencies = _union(last[source] for source in before[handle]) or after
            last[handle] = self._append(handle, dependencies)
        followed = {source for source, _ in edges}
        return _union(last[handle] for handle in handles if handle not in followed)

    def _append(self, handle: int, dependencies: tuple[int, ...]) -> tuple[int, ...]:
        """Append one node and what is inside it; returns the indices whose completion is its completion."""
        kind, detail = self._describe(handle)
        index = len(self.nodes)
        self.nodes.append(
            Node(
                index=index,
                kind=kind,
                name=detail.name,
                dependencies=dependencies,
                direction=detail.direction,
                size_bytes=detail.size_bytes,
            )
        )
        return _union(self.walk(graph, after=(index,)) for graph in detail.inner) or (index,)

    def _describe(self, handle: int) -> tuple[NodeKind, _Detail]:
        try:
            number = self._driver.node_type(handle)
        except DriverError as error:
            return "other", _Detail(name=f"node ({error})")
        kind, name = _TYPES.get(number, ("other", f"node of type {number}"))
        read = self._details.get(kind)
        if read is None:
            return kind, _Detail(name=name)
        try:
            return kind, read(handle)
        except DriverError as error:
            return kind, _Detail(name=f"{name} ({error.reason})")

    def _kernel(self, handle: int) -> _Detail:
        function = self._driver.function(handle)
        if function not in self._names:
            self._names[function] = demangle(self._driver.symbol(function))
        return _Detail(name=self._names[function])

    def _memcpy(self, handle: int) -> _Detail:
        copy = self._driver.copy(handle)
        direction = copy_direction(copy.source, copy.target, self._driver.memory_type)
        name = "memcpy" if direction is None else f"memcpy {direction}"
        return _Detail(name=name, direction=direction, size_bytes=copy.size_bytes)


def _union(groups: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    """The indices of all groups, each once, ascending."""
    return tuple(sorted({index for group in groups for index in group}))
