"""What a second, observed capture of the same call knows of the first one, which was left alone.

The graph that is replayed is captured as the program would capture it, with nobody looking at its operators. A second
capture of the same call, under observation and thrown away, tells which operator and which line launched each node.
"""

from msgspec.structs import replace

from imp_graphcheck.checks.twins import twins
from imp_graphcheck.record.graph import GraphTrace, Node, Param, Pointer


def annotated(base: GraphTrace, observed: GraphTrace) -> GraphTrace:
    """`base` with the operators and launching lines of `observed`, where the two run the same nodes.

    A pointer whose allocation was not known takes that of the same address in the same place.
    """
    if [(node.kind, node.name) for node in base.nodes] != [(node.kind, node.name) for node in observed.nodes]:
        return base
    nodes = tuple(_node(mine, theirs) for mine, theirs in zip(base.nodes, observed.nodes, strict=True))
    return replace(base, nodes=nodes, sites=observed.sites)


def _node(mine: Node, theirs: Node) -> Node:
    params = mine.params
    if len(params) == len(theirs.params):
        params = tuple([_param(*pair) for pair in zip(params, theirs.params, strict=True)])
    return replace(mine, op=theirs.op, launch=theirs.launch, params=params)


def _param(mine: Param, theirs: Param) -> Param:
    if not mine.pointers or None not in [pointer.generation for pointer in mine.pointers]:
        return mine
    return replace(mine, pointers=tuple([_pointer(*pair) for pair in twins(mine, theirs)]))


def _pointer(pointer: Pointer, twin: Pointer | None) -> Pointer:
    if pointer.generation is not None or twin is None or twin.address != pointer.address:
        return pointer
    return replace(pointer, generation=twin.generation, displacement=twin.displacement)
