"""GC201 to GC206: what the graphs point at, before they are replayed.

An address is judged by the allocation that held it when the node was recorded, not by what lies there now: a block
that was freed and handed out again is mapped, live, and somebody else's. Memory of the graph's own pool is the graph's
business: intermediates are inactive there once the capture is over, and that is right.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from imp_graphcheck.record.finding import Finding, Severity
from imp_graphcheck.record.graph import GraphTrace, Node, Param, Pointer
from imp_graphcheck.record.memory import DEFAULT_POOL, Allocation
from imp_graphcheck.record.site import Site
from imp_graphcheck.rules import RULES

READS = frozenset({"read", "readwrite", "unknown"})


@dataclass(frozen=True, slots=True)
class Use:
    """A pointer with the node and the graph it stands in."""

    graph: GraphTrace
    node: Node
    param: Param
    pointer: Pointer


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A place of the program (`self.workspace`) that held a tensor at `old` when the graph was captured, and now at `new`.

    `site` is the line that allocated what it holds now.
    """

    name: str
    old: int
    new: int
    site: Site | None = None


def uses_by_generation(graphs: Iterable[GraphTrace]) -> dict[int, list[Use]]:
    """Every pointer into a known allocation, by allocation."""
    uses: defaultdict[int, list[Use]] = defaultdict(list)
    for graph in graphs:
        for node in graph.nodes:
            for param in node.params:
                for pointer in param.pointers:
                    if pointer.generation is not None and pointer.confirmed is not False:
                        uses[pointer.generation].append(Use(graph, node, param, pointer))
    return dict(uses)


def check_lifetimes(
    graphs: Sequence[GraphTrace],
    memory: Mapping[int, Allocation],
    *,
    moved: Sequence[Moved] = (),
    live_pools: frozenset[str] | None = None,
) -> tuple[Finding, ...]:
    """One finding per allocation that some graph must not point at.

    `moved` are the places whose tensor was replaced; `live_pools` the pools of graphs that still exist, None for
    those of `graphs`.
    """
    pools = live_pools if live_pools is not None else frozenset(graph.pool or "" for graph in graphs)
    findings: list[Finding] = []
    for generation, uses in uses_by_generation(graphs).items():
        allocation = memory.get(generation)
        if allocation is None:
            continue
        outside = [use for use in uses if allocation.pool != use.graph.pool]
        if outside:
            findings.extend(_judged(allocation, outside, moved, pools))
    return tuple(findings)


def _judged(
    allocation: Allocation, uses: list[Use], moved: Sequence[Moved], pools: frozenset[str]
) -> list[Finding]:
    if allocation.space != "device":
        return _host(allocation, uses)
    if allocation.state == "unmapped":
        return [_finding("GC202", allocation, uses, "was unmapped: the replay would fault", moved)]
    if allocation.state == "freed":
        return [_finding("GC201", allocation, uses, "is free: the next allocation that fits gets it", moved)]
    if allocation.pool not in (DEFAULT_POOL, *pools):
        return [_finding("GC204", allocation, uses, "belongs to the pool of a graph that is gone", moved)]
    replaced = [move for move in moved if allocation.address <= move.old < allocation.end]
    if replaced and any(use.pointer.access in READS for use in uses):
        return [_finding("GC203", allocation, uses, "is live, and the program looks elsewhere now", replaced)]
    return []


def _host(allocation: Allocation, uses: list[Use]) -> list[Finding]:
    if allocation.state == "live":
        return []
    copies = [use for use in uses if use.node.kind == "memcpy"]
    if not copies:
        return []
    return [_finding("GC206", allocation, copies, "was given back: a replay copies what lies there then", ())]


def check_transients(graphs: Sequence[GraphTrace], memory: Mapping[int, Allocation]) -> tuple[Finding, ...]:
    """GC205: live tensors of a graph's pool that an earlier node of the graph overwrites and no node writes again.

    Needs to know who reads and who writes, and the allocation at the time of each node.
    """
    findings = []
    for graph in graphs:
        writes = _writes(graph)
        survivors = [
            allocation
            for allocation in memory.values()
            if allocation.pool == graph.pool and allocation.state == "live" and allocation.space == "device"
        ]
        for survivor in survivors:
            clobbering = [use for use in writes if _overwrites(use, survivor)]
            rewritten = any(use.pointer.generation == survivor.generation for use in writes)
            if clobbering and not rewritten:
                findings.append(_clobbered(survivor, clobbering))
    return tuple(findings)


def _writes(graph: GraphTrace) -> list[Use]:
    return [
        Use(graph, node, param, pointer)
        for node in graph.nodes
        for param in node.params
        for pointer in param.pointers
        if pointer.access in ("write", "readwrite")
    ]


def _overwrites(use: Use, survivor: Allocation) -> bool:
    pointer = use.pointer
    if pointer.generation == survivor.generation or pointer.span_bytes is None:
        return False
    return pointer.address < survivor.end and survivor.address < pointer.address + pointer.span_bytes


def _clobbered(survivor: Allocation, uses: list[Use]) -> Finding:
    first = uses[0]
    return Finding(
        code="GC205",
        severity="error",
        confidence="suspected",
        message=(
            f"{_named(survivor)}live tensor of {_size(survivor)} in the graph's own pool shares its memory with a "
            f"transient: node {first.node.index} {first.node.name} writes there at every replay, and no node writes "
            "the tensor itself"
        ),
        remedy=RULES["GC205"].remedy,
        graph=first.graph.key,
        node=first.node.index,
        kernel=first.node.name,
        argument=first.param.name,
        allocation_site=survivor.allocation_site,
        launch_site=first.graph.launch_site(first.node),
    )


def _finding(
    code: str, allocation: Allocation, uses: list[Use], what: str, moved: Sequence[Moved]
) -> Finding:
    first = uses[0]
    nodes = len({(use.graph.key, use.node.index) for use in uses})
    graphs = len({use.graph.key for use in uses})
    elsewhere = [move for move in moved if allocation.address <= move.old < allocation.end]
    where = f" in {graphs} graphs" if graphs > 1 else ""
    severity: Severity = "error"
    return Finding(
        code=code,
        severity=severity,
        confidence="suspected",
        message=(
            f"{_named(allocation)}{_size(allocation)} that {_verb(uses)} {nodes} node{'s' if nodes != 1 else ''}{where} "
            f"{what}; first node {first.node.index} {first.node.name}, argument {first.param.name}{_now(elsewhere)}"
        ),
        remedy=RULES[code].remedy,
        graph=first.graph.key,
        node=first.node.index,
        kernel=first.node.name,
        argument=first.param.name,
        allocation_site=allocation.allocation_site,
        free_site=allocation.free_site,
        launch_site=first.graph.launch_site(first.node),
    )


def _named(allocation: Allocation) -> str:
    return f"{' / '.join(allocation.names)}: " if allocation.names else ""


def _size(allocation: Allocation) -> str:
    size = allocation.size_bytes
    return f"{size / 2**20:.1f} MiB" if size >= 1 << 20 else f"{size} bytes"


def _verb(uses: list[Use]) -> str:
    accesses = {use.pointer.access for use in uses}
    if accesses <= {"read"}:
        return "are read by"
    if accesses <= {"write"}:
        return "are written by"
    return "are touched by"


def _now(moved: Sequence[Moved]) -> str:
    if not moved:
        return ""
    first = moved[0]
    at = f", allocated at {first.site}" if first.site is not None else ""
    return f"; {first.name} is now at {first.new:#x}{at}"
