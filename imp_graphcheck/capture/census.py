"""What the captured graphs point at, looked at again and again: after the captures, and before the first replay of each.

Everything here reads records of the device and objects of the program; nothing is launched.
"""

from bisect import bisect_left
from operator import attrgetter

from msgspec.structs import replace

from imp_graphcheck.capture.session import Session
from imp_graphcheck.checks.lifetimes import Moved, check_lifetimes, check_transients
from imp_graphcheck.record.graph import generations_in
from imp_graphcheck.record.memory import Allocation
from imp_graphcheck.target.owners import Owner, owners

_MOST_NAMES = 3


def remember_names(session: Session) -> None:
    """Note which places of the program hold which memory, right after a capture."""
    session.names = tuple(dict.fromkeys((*session.names, *owners(session.program.roots()))))


def take_census(session: Session) -> None:
    """Judge every pointer of every graph by what has become of its allocation; findings go into the record."""
    graphs = session.recorder.run.graphs
    memory = session.device.allocations(generations_in(graphs))
    for captured in session.program.runner.captured.values():
        memory.update(session.device.live_in_pool(captured.graph))
    named = with_names(memory, session.names)
    session.find(*check_lifetimes(graphs, named, moved=_moved(session)))
    session.find(*check_transients(graphs, named))
    session.recorder.update(memory=tuple(named.values()), findings=tuple(session.findings))


def with_names(memory: dict[int, Allocation], names: tuple[Owner, ...]) -> dict[int, Allocation]:
    """The allocations with the places of the program that held a tensor in them."""
    ordered = sorted(names, key=attrgetter("address"))
    addresses = [name.address for name in ordered]

    def named(allocation: Allocation) -> Allocation:
        first, last = bisect_left(addresses, allocation.address), bisect_left(addresses, allocation.end)
        if first == last:
            return allocation
        held = dict.fromkeys(name.name for name in ordered[first:last])
        return replace(allocation, names=tuple(held)[:_MOST_NAMES])

    return {generation: named(allocation) for generation, allocation in memory.items()}


def _moved(session: Session) -> tuple[Moved, ...]:
    """Places whose tensor lies elsewhere now, while no place of the program holds the old one any more."""
    now = {owner.name: owner.address for owner in owners(session.program.roots())}
    held = set(now.values())
    return tuple(
        Moved(name=owner.name, old=owner.address, new=now[owner.name])
        for owner in session.names
        if owner.name in now and now[owner.name] != owner.address and owner.address not in held
    )
