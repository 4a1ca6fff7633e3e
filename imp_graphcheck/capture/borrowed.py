"""What an eager call uses and did not allocate itself: a graph that was captured at that call would point at it.

Here the graphs are captured after every call has run eagerly, when everything that grows on demand has grown. A program
captures earlier. So the memory that the first call of each key used must still be there when the last call has run.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from torch.utils._pytree import tree_leaves

from imp_graphcheck.capture.census import with_names
from imp_graphcheck.capture.session import Session
from imp_graphcheck.checks.lifetimes import given_back_before_capture
from imp_graphcheck.device.op_trace import OpTrace
from imp_graphcheck.device.stack import site_of
from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.site import Site
from imp_graphcheck.target import Call
from imp_graphcheck.target.owners import owners as owners_by_name


@dataclass(slots=True)
class Borrowed:
    """Told of every argument and every result of the operators of one call, in order.

    `first_use` is, for the storages that were there before, by address, how many operators had run when each came up.
    """

    device: str
    trace: OpTrace | None = None
    first_use: dict[int, int] = field(default_factory=dict)
    _own: set[int] = field(default_factory=set)

    def observe(self, values: Iterable[object], *, created: bool = False) -> None:
        for value in tree_leaves(tuple(values)):
            if not isinstance(value, torch.Tensor) or value.device.type != self.device or not value.numel():
                continue
            address = value.untyped_storage().data_ptr()
            if address in self.first_use:
                continue
            if created:
                self._own.add(address)
            elif address not in self._own:
                self.first_use[address] = len(self.trace.launches) if self.trace is not None else 0


def remember_borrowed(session: Session, call: Call, borrowed: Borrowed) -> None:
    """Whose memory that was, right after the call: by allocation, the line that used it first."""
    owners = session.device.owners_of(borrowed.first_use)
    launches = borrowed.trace.launches if borrowed.trace is not None else []
    found: dict[int, tuple[str, Site | None]] = {}
    for address, number in borrowed.first_use.items():
        if address in owners:
            launch = launches[number] if number < len(launches) else None
            found[owners[address]] = ("", None) if launch is None else (launch.op, site_of(launch.stack))
    session.borrowed[call.key] = found
    if found:
        session.borrowed_names = (*session.borrowed_names, *owners_by_name(session.program.roots()))


def find_given_back(session: Session) -> list[Finding]:
    """What of it is gone by now. Asked before the first capture."""
    findings: list[Finding] = []
    for call in session.first_calls:
        borrowed = session.borrowed.get(call.key, {})
        memory = with_names(session.device.allocations(borrowed.keys()), session.borrowed_names)
        findings.extend(
            given_back_before_capture(
                memory[generation], graph=str(call.key), call=call.label, op=op, launched=site
            )
            for generation, (op, site) in borrowed.items()
            if generation in memory and memory[generation].state != "live"
        )
    return findings


def told_already(finding: Finding, known: Iterable[Finding]) -> bool:
    """Whether the graphs that were captured point at memory that the same line allocated, freed, or used."""
    mine = _lines(finding)
    return any(
        other.code.startswith("GC2") and any(line in mine and line is not None for line in _lines(other))
        for other in known
    )


def _lines(finding: Finding) -> tuple[tuple[str, int] | None, ...]:
    return _line(finding.allocation_site), _line(finding.free_site), _line(finding.launch_site)


def _line(site: Site | None) -> tuple[str, int] | None:
    return None if site is None else (site.file, site.line)
