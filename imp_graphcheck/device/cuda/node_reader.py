"""One node of a graph: its kind, its name, and its parameters as bytes."""

import struct
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from imp_graphcheck.device.cuda.copy_direction import copy_direction
from imp_graphcheck.device.cuda.demangle import demangle
from imp_graphcheck.device.cuda.graph_driver import CopyEnd, DriverError, Function, GraphDriver
from imp_graphcheck.device.cuda.kernel_arguments import Layout, kernel_arguments
from imp_graphcheck.device.cuda.raw_node import RawNode, RawParam
from imp_graphcheck.record.graph import Access, NodeKind

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

_WORD = struct.Struct("<Q")

_Fields = Mapping[str, Any]
"""Fields of a RawNode, beside its kind and place."""


class NodeReader:
    """Reads the nodes of one graph.

    Names and layouts are remembered for this graph only: a handle may mean another function once a module was unloaded.
    """

    def __init__(self, driver: GraphDriver) -> None:
        self._driver = driver
        self._names: dict[Function, str] = {}
        self._layouts: dict[Function, Layout] = {}
        self._without_layout: dict[Function, str] = {}
        self._read: dict[NodeKind, Callable[[int], _Fields]] = {
            "kernel": self._kernel,
            "memcpy": self._memcpy,
            "memset": self._memset,
            "alloc": self._alloc,
            "free": lambda node: {"name": "free", "params": (_address("source", driver.freed(node)),)},
            "graph": lambda node: {"name": "child graph", "inner": (driver.child_graph(node),)},
            "conditional": lambda node: {"name": "conditional", "inner": tuple(driver.bodies(node))},
        }

    def read(self, handle: int, *, index: int, created: int, dependencies: tuple[int, ...]) -> RawNode:
        """The node; one that the driver does not tell all of keeps what is known, and its name says why."""
        kind, fields = self._describe(handle)
        return RawNode(
            index=index, kind=kind, created=created, handle=handle, dependencies=dependencies, **fields
        )

    def _describe(self, handle: int) -> tuple[NodeKind, _Fields]:
        try:
            number = self._driver.node_type(handle)
        except DriverError as error:
            return "other", {"name": f"node ({error})"}
        kind, name = _TYPES.get(number, ("other", f"node of type {number}"))
        read = self._read.get(kind)
        if read is None:
            return kind, {"name": name}
        try:
            return kind, read(handle)
        except DriverError as error:
            return kind, {"name": f"{name} ({error.reason})"}

    def _kernel(self, handle: int) -> _Fields:
        kernel = self._driver.kernel(handle)
        parts = kernel_arguments(kernel.arguments, kernel.extra, self._layout(kernel.function))
        name = self._name(kernel.function)
        if not parts and kernel.function in self._without_layout:
            name = f"{name} ({self._without_layout[kernel.function]})"
        return {
            "name": name,
            "grid": kernel.grid,
            "block": kernel.block,
            "shared_bytes": kernel.shared_bytes,
            "params": tuple(map(RawParam, _argument_names(len(parts)), parts)),
        }

    def _name(self, function: Function) -> str:
        if function not in self._names:
            try:
                self._names[function] = demangle(self._driver.symbol(function))
            except DriverError as error:
                self._names[function] = f"kernel ({error.reason})"
        return self._names[function]

    def _layout(self, function: Function) -> Layout:
        """Empty where the driver does not tell it: separate arguments cannot be read then, packed ones can."""
        if function not in self._layouts:
            try:
                self._layouts[function] = self._driver.layout(function)
            except DriverError as error:
                self._layouts[function] = ()
                self._without_layout[function] = str(error)
        return self._layouts[function]

    def _memcpy(self, handle: int) -> _Fields:
        copy = self._driver.copy(handle)
        direction = copy_direction(copy.source, copy.target, self._driver.memory_type)
        return {
            "name": "memcpy" if direction is None else f"memcpy {direction}",
            "direction": direction,
            "size_bytes": copy.size_bytes,
            "params": (_end("source", copy.source, "read"), _end("target", copy.target, "write")),
        }

    def _memset(self, handle: int) -> _Fields:
        memset = self._driver.memset(handle)
        return {
            "name": "memset",
            "size_bytes": memset.size_bytes,
            "params": (
                _address("target", memset.target, "write", memset.span_bytes),
                RawParam("value", _WORD.pack(memset.value)),
            ),
        }

    def _alloc(self, handle: int) -> _Fields:
        address, size = self._driver.allocated(handle)
        return {"name": "alloc", "size_bytes": size, "params": (_address("target", address),)}


@cache
def _argument_names(number: int) -> tuple[str, ...]:
    return tuple(f"arg{place}" for place in range(number))


def _end(name: str, end: CopyEnd, access: Access) -> RawParam:
    return _address(name, end.address, access, end.span_bytes)


def _address(name: str, address: int, access: Access = "unknown", span_bytes: int | None = None) -> RawParam:
    """A parameter that is an address; 0 is none, as where a copy ends in an array."""
    return RawParam(name, _WORD.pack(address), bool(address), access, span_bytes)
