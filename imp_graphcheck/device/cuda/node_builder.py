"""Nodes for the record: what the driver tells, what the words point at, and who launched them."""

from collections.abc import Sequence

from imp_graphcheck.device.cuda.launches import Launches
from imp_graphcheck.device.cuda.pointer_finder import Found
from imp_graphcheck.device.cuda.raw_node import RawNode, RawParam
from imp_graphcheck.record.graph import Node, Param


def build_nodes(raw: Sequence[RawNode], pointers: Found, launches: Launches) -> tuple[Node, ...]:
    """One node for each of `raw`. What runs inside another node has its operator and its line."""
    plain: dict[RawParam, Param] = {}
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
                params=_params(node, pointers, plain),
            )
        )
    return tuple(nodes)


def _params(node: RawNode, pointers: Found, plain: dict[RawParam, Param]) -> tuple[Param, ...]:
    """`plain` holds parameters without pointers, most of which come again and again."""
    params = []
    for place, raw in enumerate(node.params):
        found = pointers.get((node.index, place))
        if found is not None:
            params.append(Param(name=raw.name, data=raw.data.hex(), pointers=found))
            continue
        if raw not in plain:
            plain[raw] = Param(name=raw.name, data=raw.data.hex())
        params.append(plain[raw])
    return tuple(params)
