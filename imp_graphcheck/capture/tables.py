"""Pointer tables: what the graphs read addresses from, looked into before the first replay and after later ones.

Nothing is launched: device memory is copied to the host while no stream captures. Only the captured call of each key is
looked at, after its own `prepare`: whatever the program fills in for a call is filled in then, and the table is as its
replay finds it. What it may leave behind for other calls, such as the tail of a longer list, is not judged.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from imp_graphcheck.capture.census import with_names
from imp_graphcheck.capture.session import Session
from imp_graphcheck.checks.table_places import TablePlace, table_places
from imp_graphcheck.checks.table_words import address_indices, possible_addresses, words_in
from imp_graphcheck.checks.tables import PointerTable, TableEntry, check_tables
from imp_graphcheck.target import Call

MOST_BYTES = 16 << 20
"""What is copied for one graph, the smallest places first."""


def find_tables(session: Session, call: Call) -> None:
    """Look for tables in the memory that the graph of `call` reads, once, when `call` has been prepared and the device has
    nothing left to do.

    Findings are made of those that nobody can have written but the program. Where a kernel has the address and nobody
    knows what it does there, a replay has to show first that it leaves the table as it is.
    """
    captured = session.program.runner.captured.get(call.key)
    if captured is None:
        return
    read = list(_read(session, _places(session, call)))
    session.tables[call.key] = _tables(session, captured.graph, read)
    _judge(session)


def look_again(session: Session, call: Call) -> None:
    """After a replay of `call`: words that are still the same were read by it, and are not its work."""
    tables = session.tables.get(call.key)
    if not tables or all(call is not first for first in session.first_calls):
        return
    data = dict(_read(session, [table.place for table in tables]))
    owners = session.device.owners_of({entry.address for table in tables for entry in table.entries})
    session.tables[call.key] = [
        _left(table, words_in(data[table.place]), owners) for table in tables if table.place in data
    ]
    _judge(session)


def blame_tables(session: Session, call: Call) -> None:
    """After a replay of `call` died: its tables are judged as they were last seen, whoever may have written them."""
    session.tables[call.key] = [replace(table, settled=True) for table in session.tables.get(call.key, ())]
    _judge(session)


def _judge(session: Session) -> None:
    tables = [table for of_key in session.tables.values() for table in of_key if table.settled]
    generations = {entry.generation for table in tables for entry in table.entries}
    if generations:
        memory = with_names(session.device.allocations(generations), session.names)
        session.find(*check_tables(tables, memory))
        session.save_findings()


def _places(session: Session, call: Call) -> tuple[TablePlace, ...]:
    run = session.recorder.run
    graph = next(graph for graph in run.graphs if graph.key == str(call.key))
    memory = {allocation.generation: allocation for allocation in run.memory}
    return table_places(graph, memory, pools={graph.pool for graph in run.graphs})


def _read(session: Session, places: Sequence[TablePlace]) -> Iterator[tuple[TablePlace, bytes]]:
    """What lies in each place; one whose memory has gone, or is somebody else's, is left out."""
    owners = session.device.owners_of({place.address for place in places})
    left = MOST_BYTES
    for place in places:
        if owners.get(place.address) != place.allocation.generation:
            continue
        left -= place.size_bytes
        if left < 0:
            key = place.graph.key
            session.recorder.note(
                f"not all that {key} reads was searched for addresses: {MOST_BYTES} bytes were"
            )
            return
        data = session.device.contents(place.address, place.size_bytes)
        if data is not None:
            yield place, data


def _tables(session: Session, graph: Any, read: Sequence[tuple[TablePlace, bytes]]) -> list[PointerTable]:
    """Those places that hold addresses of what was allocated when `graph` was captured."""
    possible = {address for _, data in read for address in possible_addresses(data)}
    had = session.device.owners_of(possible, captured=graph) if possible else {}
    if not had:
        return []
    have = session.device.owners_of(possible)
    memory = session.device.allocations({*had.values(), *have.values()})
    displacements = {
        address: address - memory[generation].address for address, generation in {**have, **had}.items()
    }
    tables = []
    for place, data in read:
        words = words_in(data)
        entries = tuple(
            TableEntry(
                index=index, address=words[index], generation=had[words[index]], owner=have.get(words[index])
            )
            for index in address_indices(words, displacements)
            if words[index] in had
        )
        if entries:
            tables.append(PointerTable(place=place, entries=entries, settled=place.read_only))
    return tables


def _left(table: PointerTable, words: Sequence[int], owners: dict[int, int]) -> PointerTable:
    """The entries that are still the same words."""
    entries = tuple(
        replace(entry, owner=owners.get(entry.address))
        for entry in table.entries
        if words[entry.index] == entry.address
    )
    return replace(table, entries=entries, settled=True)
