"""GC208: addresses that a graph reads from device memory, and whose allocations have died since it was captured.

A word is judged by the allocation that had the address when the capture ended. Where somebody else has it now, nothing is
said: a program that fills the table again before each replay would have the same word in it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from imp_graphcheck.checks.table_places import WORD_BYTES, TablePlace
from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.memory import Allocation
from imp_graphcheck.rules import RULES


@dataclass(frozen=True, slots=True, kw_only=True)
class TableEntry:
    """Word number `index` of a table. `generation` had the address when the graph was captured; `owner` has it now."""

    index: int
    address: int
    generation: int
    owner: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PointerTable:
    """Addresses in device memory that a node of a graph reads, as they were when they were last looked at.

    `settled`: the graph does not write them, so a replay reads what was seen.
    """

    place: TablePlace
    entries: tuple[TableEntry, ...]
    settled: bool


def check_tables(tables: Sequence[PointerTable], memory: Mapping[int, Allocation]) -> tuple[Finding, ...]:
    """One finding for all tables of one line whose memory was allocated by one line and freed by one line."""
    groups: dict[tuple[object, ...], list[tuple[PointerTable, list[TableEntry]]]] = {}
    seen: set[int] = set()
    for table in tables:
        by_death: dict[tuple[object, ...], list[TableEntry]] = {}
        for entry in table.entries:
            word = (
                table.place.address + WORD_BYTES * entry.index
            )  # which several nodes may read, of several graphs
            if word not in seen and table.settled and _is_dead(entry, table, memory):
                seen.add(word)
                by_death.setdefault(_death(memory[entry.generation]), []).append(entry)
        for death, entries in by_death.items():
            at = table.place.allocation.allocation_site
            line = (at.file, at.line) if at is not None else (table.place.allocation.generation,)
            groups.setdefault((*line, *death), []).append((table, entries))
    return tuple(_finding(group, memory) for group in groups.values())


def _is_dead(entry: TableEntry, table: PointerTable, memory: Mapping[int, Allocation]) -> bool:
    target = memory.get(entry.generation)
    return (
        target is not None
        and target.state != "live"
        and target.pool != table.place.graph.pool  # its own intermediates come back at every replay
        and entry.owner in (None, entry.generation)  # the owner of the last look may have died since
    )


def _death(target: Allocation) -> tuple[object, ...]:
    """Who allocated it and who freed it; memory without a known line stands alone."""
    born, freed = target.allocation_site, target.free_site
    if born is None:
        return (target.generation,)
    return (born.file, born.line, None if freed is None else (freed.file, freed.line), target.state)


def _finding(
    group: Sequence[tuple[PointerTable, list[TableEntry]]], memory: Mapping[int, Allocation]
) -> Finding:
    table, entries = group[0]
    place, entry = table.place, entries[0]
    target = memory[entry.generation]
    count = sum(len(each) for _, each in group)
    others = len({each.place.allocation.generation for each, _ in group}) - 1
    more = f" (and {others} more from the same line)" if others else ""
    at = f", allocated at {place.allocation.allocation_site}" if place.allocation.allocation_site else ""
    end = "is not mapped any more: a kernel that follows it faults"
    if target.state == "freed":
        end = "is free: the next allocation that fits gets it"
    return Finding(
        code="GC208",
        severity="error",
        confidence="suspected",
        message=(
            f"{_named(place.allocation)}{place.allocation.size_bytes} bytes{more}{at}, holds {count} "
            f"address{'es' if count > 1 else ''} of memory that was given back since the capture; word {entry.index} is "
            f"{entry.address:#x}, in {_named(target)}{target.size_bytes} bytes, which {end}; read by node "
            f"{place.node.index} {place.node.name}, argument {place.param.name}"
        ),
        remedy=RULES["GC208"].remedy,
        graph=place.graph.key,
        node=place.node.index,
        kernel=place.node.name,
        argument=place.param.name,
        allocation_site=target.allocation_site,
        free_site=target.free_site,
        launch_site=place.graph.launch_site(place.node),
    )


def _named(allocation: Allocation) -> str:
    return f"{' / '.join(allocation.names)}: " if allocation.names else ""
