"""GC207: memory that a launch of a graph allocates, and that neither it nor another graph frees."""

from collections import Counter
from collections.abc import Collection, Sequence

from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.graph import GraphTrace, Node
from imp_graphcheck.rules import RULES


def check_alloc_nodes(graphs: Sequence[GraphTrace], *, held: Collection[int] = ()) -> tuple[Finding, ...]:
    """One warning per line that allocated it.

    `held` are addresses of tensors that the program keeps, outputs among them: what one of them lies in has an owner,
    who frees it.
    """
    freed = Counter(_address(node) for graph in graphs for node in graph.nodes if node.kind == "free")
    if None in freed:  # the driver does not tell what is freed
        return ()
    findings: list[Finding] = []
    for graph in graphs:
        groups: dict[object, list[Node]] = {}
        for node in graph.nodes:
            if node.kind != "alloc" or _is_held(node, held):
                continue
            if freed[_address(node)] > 0:
                freed[_address(node)] -= 1
                continue
            groups.setdefault(node.index if node.launch is None else ("line", node.launch), []).append(node)
        findings.extend(_finding(graph, nodes) for nodes in groups.values())
    return tuple(findings)


def _address(node: Node) -> int | None:
    """What an alloc node allocates or a free node frees; None where the driver does not tell it."""
    return int.from_bytes(bytes.fromhex(node.params[0].data), "little") if node.params else None


def _is_held(node: Node, held: Collection[int]) -> bool:
    start = _address(node)
    if start is None:  # nobody knows what it is: nothing can be said of it
        return True
    return any(start <= address < start + (node.size_bytes or 0) for address in held)


def _finding(graph: GraphTrace, nodes: list[Node]) -> Finding:
    first, size = nodes[0], sum(node.size_bytes or 0 for node in nodes)
    # No operator of torch makes such nodes: they are filed under the next one that was called.
    site = graph.launch_site(first)
    near = f", made at or before {site}" if site is not None else ""
    count = f"{len(nodes)} alloc nodes" if len(nodes) > 1 else f"alloc node {first.index}"
    return Finding(
        code="GC207",
        severity="warning",
        confidence="suspected",
        message=(
            f"{count} of {size} bytes without a free node{near}: the memory stays with the graph after a launch. torch frees it "
            "when it launches the graph again; a graph that was instantiated without auto-free cannot be launched twice"
        ),
        remedy=RULES["GC207"].remedy,
        graph=graph.key,
        node=first.index,
        kernel=first.name,
    )
