"""Nodes for the record: what the driver tells, what the words point at, and who launched them."""

from collections.abc import Sequence
from itertools import count

from imp_graphcheck.device.cuda.launches import Launches
from imp_graphcheck.device.cuda.pointer_finder import Found
from imp_graphcheck.device.cuda.raw_node import RawNode, RawParam
from imp_graphcheck.record.graph import Node, Param


def build_nodes(raw: Sequence[RawNode], pointers: Found, launches: Launches) -> tuple[Node, ...]:
    """One node for each of `raw`. What runs inside another node has its operator and its line."""
    params = _Params(pointers)
    nodes = []
    for node in raw:
        op, launch = launches.of(node.created)
        nodes.append(
            Node(
                index=node.index,
                kind=node.kind,
                name=node.name,
                dependencies=node.dependencies,
                direction=node.direction,
                size_bytes=node.size_bytes,
                grid=node.grid,
                block=node.block,
                shared_bytes=node.shared_bytes,
                op=op,
                launch=launch,
                params=tuple([params.next(each) for each in node.params]),
            )
        )
    return tuple(nodes)


class _Params:
    """Parameters for the record, asked for in order."""

    def __init__(self, pointers: Found) -> None:
        self._pointers = pointers
        self._positions = count()
        self._plain: dict[RawParam, Param] = {}
        """Those without pointers, most of which come again and again."""

    def next(self, raw: RawParam) -> Param:
        """The parameter of `raw`, which is the one after the last that was asked for."""
        found = self._pointers.get(next(self._positions))
        if found is not None:
            return Param(name=raw.name, data=raw.data.hex(), pointers=tuple(found))
        param = self._plain.get(raw)
        if param is None:
            param = self._plain[raw] = Param(name=raw.name, data=raw.data.hex())
        return param
