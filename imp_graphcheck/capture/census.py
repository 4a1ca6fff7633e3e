"""What the captured graphs point at, looked at again and again: after the captures, and before the first replay of each.

Everything here reads records of the device and objects of the program; nothing is launched.
"""

from dataclasses import replace

from imp_graphcheck.capture.session import Session
from imp_graphcheck.checks.lifetimes import Moved, check_lifetimes, check_transients, uses_by_generation
from imp_graphcheck.record.memory import Allocation
from imp_graphcheck.target.owners import Owner, owners


def remember_names(session: Session) -> None:
    """Note which places of the program hold which memory, right after a capture."""
    session.names = tuple(dict.fromkeys((*session.names, *owners(session.program.roots()))))


def take_census(session: Session) -> None:
    """Judge every pointer of every graph by what has become of its allocation; findings go into the record."""
    graphs = session.recorder.run.graphs
    memory = session.device.allocations(uses_by_generation(graphs).keys())
    for captured in session.program.runner.captured.values():
        memory.update(session.device.live_in_pool(captured.graph))
    named = {generation: _with_names(allocation, session.names) for generation, allocation in memory.items()}
    session.find(*check_lifetimes(graphs, named, moved=_moved(session)))
    session.find(*check_transients(graphs, named))
    session.recorder.update(memory=tuple(named.values()), findings=tuple(session.findings))


def _with_names(allocation: Allocation, names: tuple[Owner, ...]) -> Allocation:
    held = [name.name for name in names if allocation.address <= name.address < allocation.end]
    return replace(allocation, names=tuple(dict.fromkeys(held))[:3])


def _moved(session: Session) -> tuple[Moved, ...]:
    """Places whose tensor lies elsewhere now, while no place of the program holds the old one any more."""
    now = {owner.name: owner.address for owner in owners(session.program.roots())}
    held = set(now.values())
    return tuple(
        Moved(name=owner.name, old=owner.address, new=now[owner.name])
        for owner in session.names
        if owner.name in now and now[owner.name] != owner.address and owner.address not in held
    )
