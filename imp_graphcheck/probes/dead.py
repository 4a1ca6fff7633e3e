"""What a graph points at, and only the pins keep alive: the program has given it back."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from torch import UntypedStorage

from imp_graphcheck.capture.reading import read
from imp_graphcheck.capture.session import Session
from imp_graphcheck.capture.tables import find_tables
from imp_graphcheck.probes.pin import Pins
from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.graph import GraphTrace, generations_in
from imp_graphcheck.record.memory import Allocation
from imp_graphcheck.record.site import Site
from imp_graphcheck.rules import RULES

Line = tuple[str, int, str] | None
"""File, line and function of an allocation; None where nobody saw it happen."""


@dataclass(slots=True, eq=False)
class DeadSite:
    """Every such allocation that one line made."""

    site: Site | None
    allocations: list[Allocation] = field(default_factory=list)
    storages: list[UntypedStorage] = field(default_factory=list)

    @property
    def size_bytes(self) -> int:
        return sum(allocation.size_bytes for allocation in self.allocations)

    def __str__(self) -> str:
        where = (
            "memory of an unknown line"
            if self.site is None
            else f"the memory of {self.site.file}:{self.site.line}"
        )
        return f"{where} ({self.size_bytes} bytes)"


def read_captured(session: Session) -> None:
    """The graphs, what they point at, and the addresses they read from memory, into the record. Launches nothing."""
    captured = session.program.runner.captured
    session.recorder.remember(graphs=tuple(read(session, graph) for graph in captured.values()))
    memory = session.device.allocations(generations_in(session.recorder.run.graphs))
    session.recorder.update(memory=tuple(memory.values()))
    for call in session.first_calls:
        if call.key in captured:
            session.restore()
            session.program.prepare(call)
            session.device.synchronize()
            find_tables(session, call)
            session.program.between(call)


def dead_sites(session: Session, pins: Pins) -> list[DeadSite]:
    """The allocations that graphs point at, directly or through a table, and that nobody but `pins` holds; by line."""
    alone = pins.holding_alone()
    found: dict[Line, DeadSite] = {}
    for allocation in _pointed_at(session):
        fitting = [
            storage
            for storage in alone.get(allocation.address, ())
            if storage.nbytes() <= allocation.size_bytes
        ]
        if fitting:
            site = allocation.allocation_site
            line = None if site is None else (site.file, site.line, site.function)
            dead = found.setdefault(line, DeadSite(site))
            dead.allocations.append(allocation)
            dead.storages.extend(fitting)
    return list(found.values())


def _pointed_at(session: Session) -> Iterator[Allocation]:
    graphs = session.recorder.run.graphs
    by_graph = [(graph.pool, generations_in((graph,))) for graph in graphs]
    by_table = {
        entry.generation for tables in session.tables.values() for table in tables for entry in table.entries
    }
    memory = session.device.allocations({*by_table, *(each for _, of_one in by_graph for each in of_one)})

    def is_of_others(generation: int, allocation: Allocation) -> bool:
        # What a graph has in its own pool it may leave and use again as it likes.
        return generation in by_table or any(
            generation in of_one and (pool is None or allocation.pool != pool) for pool, of_one in by_graph
        )

    # What the pins hold is live; an older life of the same address was somebody else's.
    for generation, allocation in memory.items():
        if allocation.state == "live" and is_of_others(generation, allocation):
            yield allocation


def finding_of(dead: DeadSite, traces: Sequence[GraphTrace]) -> Finding:
    """GC201, or GC206 for host memory: what a graph reads or writes there matters, and it is not the program's any more."""
    code = "GC206" if dead.allocations[0].space == "pinned" else "GC201"
    generations = {allocation.generation for allocation in dead.allocations}
    graph, node, param = next(
        (
            (trace, node, param)
            for trace in traces
            for node in trace.nodes
            for param in node.params
            if any(pointer.generation in generations for pointer in param.pointers)
        ),
        (None, None, None),
    )
    return Finding(
        code=code,
        severity="error",
        confidence="confirmed",
        message=f"{dead} is used by a graph after the program gave it back",
        remedy=RULES[code].remedy,
        graph=None if graph is None else graph.key,
        node=None if node is None else node.index,
        kernel=None if node is None else node.name,
        argument=None if param is None else param.name,
        allocation_site=dead.site,
        launch_site=None if graph is None or node is None else graph.launch_site(node),
    )
