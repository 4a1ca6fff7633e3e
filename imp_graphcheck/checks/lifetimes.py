"""GC201 to GC206: what the graphs point at, before they are replayed.

An address is judged by the allocation that held it when the node was recorded, not by what lies there now: a block
that was freed and handed out again is mapped, live, and somebody else's. Memory of the graph's own pool is the graph's
business: intermediates are inactive there once the capture is over, and that is right.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.graph import GraphTrace, Node, Param, Pointer
from imp_graphcheck.record.memory import Allocation
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


def check_lifetimes(
    graphs: Sequence[GraphTrace],
    memory: Mapping[int, Allocation],
    *,
    moved: Sequence[Moved] = (),
) -> tuple[Finding, ...]:
    """One finding per allocation that some graph must not point at.

    `moved` are the places whose tensor was replaced. A live block in the pool of another graph is no finding: whoever
    holds it keeps it, as torch does with library workspaces.
    """
    judged: dict[tuple[object, ...], _Judgement] = {}
    for generation, uses in _uses(graphs, _suspects(memory, moved)).items():
        judgement = _judged(memory[generation], uses, moved)
        if judgement is not None:
            judged.setdefault(judgement.place, judgement).merge(judgement)
    return tuple(judgement.finding() for judgement in judged.values())


def _suspects(memory: Mapping[int, Allocation], moved: Sequence[Moved]) -> dict[int, Allocation]:
    """The few allocations that it may be wrong to point at."""
    return {
        generation: allocation
        for generation, allocation in memory.items()
        if allocation.state != "live" or _left(allocation, moved)
    }


def _uses(graphs: Sequence[GraphTrace], suspects: Mapping[int, Allocation]) -> dict[int, list[Use]]:
    """Who points at each of `suspects` from outside its own pool."""
    uses: defaultdict[int, list[Use]] = defaultdict(list)
    for graph in graphs:
        foreign = {
            generation: allocation
            for generation, allocation in suspects.items()
            if allocation.pool != graph.pool
        }
        if not foreign:
            continue
        for node in graph.nodes:
            for param in node.params:
                for pointer in param.pointers:
                    allocation = None if pointer.generation is None else foreign.get(pointer.generation)
                    if allocation is not None and _is_sure(pointer, allocation):
                        uses[allocation.generation].append(Use(graph, node, param, pointer))
    return uses


def _is_sure(pointer: Pointer, allocation: Allocation) -> bool:
    """Whether the word is an address for certain, or lies in memory whose line is known.

    What is left in the padding of a struct may be anything, most of all memory that died before anybody watched.
    """
    if pointer.confirmed is not None:
        return pointer.confirmed
    return pointer.access != "unknown" or allocation.allocation_site is not None


def _left(allocation: Allocation, moved: Sequence[Moved]) -> list[Moved]:
    """The places that held a tensor in `allocation` and hold another one now."""
    return [move for move in moved if allocation.address <= move.old < allocation.end]


@dataclass(slots=True)
class _Judgement:
    """What is wrong with one allocation, and with all others that the same line allocated and the same line freed."""

    code: str
    what: str
    allocations: list[Allocation]
    uses: list[Use]
    moved: Sequence[Moved] = ()

    @property
    def place(self) -> tuple[object, ...]:
        """What is told once: the code with both lines; an allocation without a known line stands alone."""
        first = self.allocations[0]
        if first.allocation_site is None:
            return (self.code, first.generation)
        freed = first.free_site
        at = first.allocation_site
        return (self.code, at.file, at.line, None if freed is None else (freed.file, freed.line))

    def merge(self, other: "_Judgement") -> None:
        if other is not self:
            self.allocations.extend(other.allocations)
            self.uses.extend(other.uses)

    def finding(self) -> Finding:
        first, allocation = self.uses[0], self.allocations[0]
        nodes = len({(use.graph.key, use.node.index) for use in self.uses})
        graphs = len({use.graph.key for use in self.uses})
        where = f" in {graphs} graphs" if graphs > 1 else ""
        more = (
            f" (and {len(self.allocations) - 1} more from the same line)" if len(self.allocations) > 1 else ""
        )
        return Finding(
            code=self.code,
            severity="error",
            confidence="suspected",
            message=(
                f"{_named(allocation)}{_size(allocation)}{more}, {_verb(self.uses)} {nodes} node"
                f"{'s' if nodes != 1 else ''}{where}, {self.what}; first node {first.node.index} {first.node.name}, "
                f"argument {first.param.name}{_now(self.moved)}"
            ),
            remedy=RULES[self.code].remedy,
            graph=first.graph.key,
            node=first.node.index,
            kernel=first.node.name,
            argument=first.param.name,
            allocation_site=allocation.allocation_site,
            free_site=allocation.free_site,
            launch_site=first.graph.launch_site(first.node),
        )


def given_back_before_capture(
    allocation: Allocation, *, graph: str, call: str, op: str, launched: Site | None
) -> Finding:
    """GC201 for memory that an eager call used, and that was gone before its graph was captured here."""
    return Finding(
        code="GC201",
        severity="error",
        confidence="suspected",
        message=(
            f"{_named(allocation)}{_size(allocation)}, used by {op or 'an operator'} of the first call ({call}), was given "
            "back by a later one: a graph that is captured when the calls begin points at freed memory from then on (here "
            "it was captured after all of them had run eagerly)"
        ),
        remedy="reserve the largest size before the first capture, or drop the graph when this memory is replaced",
        graph=graph,
        allocation_site=allocation.allocation_site,
        free_site=allocation.free_site,
        launch_site=launched,
    )


def replaced(allocations: list[Allocation], uses: list[Use], what: str, moved: Moved) -> Finding:
    """GC203 for live allocations of one line that the program has left."""
    return _Judgement("GC203", what, allocations, uses, [moved]).finding()


def _judged(allocation: Allocation, uses: list[Use], moved: Sequence[Moved]) -> _Judgement | None:
    elsewhere = _left(allocation, moved)

    def judgement(code: str, what: str, uses: list[Use] = uses) -> _Judgement:
        return _Judgement(code, what, [allocation], list(uses), elsewhere)

    if allocation.space != "device":
        copies = [use for use in uses if use.node.kind == "memcpy"]
        if allocation.state == "live" or not copies:
            return None
        return judgement("GC206", "was given back: a replay copies what lies there then", copies)
    if allocation.state == "unmapped":
        return judgement("GC202", "is not mapped any more: a replay faults")
    if allocation.state == "freed":
        return judgement("GC201", "is free: the next allocation that fits gets it")
    if elsewhere and any(use.pointer.access in READS for use in uses):
        return judgement("GC203", "is live, but the program keeps its data elsewhere now")
    return None


def check_transients(graphs: Sequence[GraphTrace], memory: Mapping[int, Allocation]) -> tuple[Finding, ...]:
    """GC205: live tensors of a graph's pool that an earlier node of the graph overwrites and no node writes again.

    Needs to know who reads and who writes, and the allocation at the time of each node.
    """
    findings = []
    for graph in graphs:
        survivors = [
            allocation
            for allocation in memory.values()
            if allocation.pool == graph.pool and allocation.space == "device" and allocation.state == "live"
        ]
        writes = _Writes(graph) if survivors else None
        for survivor in survivors:
            if writes is not None and survivor.generation not in writes.generations:
                clobbering = writes.into(survivor)
                if clobbering:
                    findings.append(_clobbered(survivor, clobbering))
    return tuple(findings)


class _Writes:
    """The ranges that a graph's nodes write, by address: a survivor finds those that meet it by bisection."""

    def __init__(self, graph: GraphTrace) -> None:
        uses = (
            Use(graph, node, param, pointer)
            for node in graph.nodes
            for param in node.params
            for pointer in param.pointers
            if pointer.access in ("write", "readwrite")
        )
        self._uses = sorted(uses, key=lambda use: use.pointer.address)
        self._addresses = [use.pointer.address for use in self._uses]
        self._longest = max((use.pointer.span_bytes or 0 for use in self._uses), default=0)
        self.generations = {use.pointer.generation for use in self._uses}

    def into(self, survivor: Allocation) -> list[Use]:
        """The writes that overlap `survivor`, the earliest node first."""
        first = bisect_left(self._addresses, survivor.address - self._longest)
        last = bisect_left(self._addresses, survivor.end)
        meeting = (
            use
            for use in self._uses[first:last]
            if survivor.address < use.pointer.address + (use.pointer.span_bytes or 0)
        )
        return sorted(meeting, key=lambda use: use.node.index)


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


def _named(allocation: Allocation) -> str:
    return f"{' / '.join(allocation.names)}: " if allocation.names else ""


def _size(allocation: Allocation) -> str:
    size = allocation.size_bytes
    return f"{size / 2**20:.1f} MiB" if size >= 1 << 20 else f"{size} bytes"


def _verb(uses: list[Use]) -> str:
    accesses = {use.pointer.access for use in uses}
    if accesses <= {"read"}:
        return "read by"
    if accesses <= {"write"}:
        return "written by"
    return "touched by"


def _now(moved: Sequence[Moved]) -> str:
    if not moved:
        return ""
    first = moved[0]
    at = f", allocated at {first.site}" if first.site is not None else ""
    return f"; {first.name} is now at {first.new:#x}{at}"
