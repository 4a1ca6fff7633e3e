"""The part of a selftest that is about `audit-syncs`: every class of call found at its line, with its verdict."""

import time
from collections.abc import Iterable
from pathlib import PurePath

from imp_graphcheck.audit.launch import run_audit
from imp_graphcheck.audit.settings import AuditSettings
from imp_graphcheck.child.template import Template
from imp_graphcheck.faults.audit_pairs import AuditPair, Expected, marked
from imp_graphcheck.record.audit import Audit, AuditSite
from imp_graphcheck.record.matrix import MatrixRow
from imp_graphcheck.selftest.shared_runs import SharedRuns

CODE = "audit"
"""What stands in place of a rule: most of these programs fire several, and some none."""

Lines = dict[str, tuple[str, int]]


def judged_audit(
    pair: AuditPair, device: str, folder: str, twins: SharedRuns[str, Audit], template: Template | None
) -> tuple[MatrixRow, dict[str, str]]:
    """Audit the fault and its twin, and hold both against what they must yield."""
    started, lines = time.monotonic(), marked()
    fault = _audit(pair.fault_model, device, folder, template)
    twin = twins.of(pair.twin_model, lambda: _audit(pair.twin_model, device, folder, template))
    is_shown = fault.device == "sim" or not pair.sim_only
    wrong = list(_wrong_sites(pair, fault, lines)) if is_shown else []
    elsewhere = list(_elsewhere(pair, fault, lines))
    flagged = [f"{site.api} at {site.place} is {site.fate}" for site in twin.sites if site.code]
    problems = [*wrong, *elsewhere, *(f"the clean twin {pair.twin}: {each}" for each in flagged)]
    problems += [
        f"{name} is {audit.status}: {audit.status_reason}" for name, audit in _unfinished(pair, fault, twin)
    ]
    row = MatrixRow(
        code=CODE,
        fault=pair.fault,
        twin=pair.twin,
        fired=is_shown and not wrong,
        right_lines=not elsewhere,
        twin_silent=not flagged,
        seconds=time.monotonic() - started,
        problem="; ".join(problems),
        shown=is_shown,
    )
    return row, fault.environment


def _audit(model: str, device: str, folder: str, template: Template | None) -> Audit:
    settings = AuditSettings(
        model=model, device=device, output=folder, cold=False, command=("imp-graphcheck", "selftest")
    )
    return run_audit(settings, on_event=lambda event: None, template=template).audit


def _unfinished(pair: AuditPair, fault: Audit, twin: Audit) -> Iterable[tuple[str, Audit]]:
    named = ((pair.fault, fault), (f"the clean twin {pair.twin}", twin))
    return (each for each in named if each[1].status != "complete")


def _wrong_sites(pair: AuditPair, audit: Audit, lines: Lines) -> Iterable[str]:
    """What is expected of the fault and is not there, or is there with another verdict."""
    for expected in pair.expected:
        where = f"{expected.api or expected.kind} at {_words(lines[expected.mark])}"
        found = [site for site in audit.sites if _place(site) == lines[expected.mark] and _is(site, expected)]
        if len(found) != 1:
            yield f"{len(found)} sites for {where}, expected one"
            continue
        (site,) = found
        told = (site.fate, site.code, site.reachable, tuple(site.modes), site.host)
        wanted = (expected.fate, expected.code, expected.reachable, expected.modes, expected.host)
        if told != wanted:
            yield f"{where} is {told}, expected {wanted}"
        if expected.thread and site.threads != (expected.thread,):
            yield f"{where} is made by {site.threads}, expected {expected.thread}"


def _elsewhere(pair: AuditPair, audit: Audit, lines: Lines) -> Iterable[str]:
    """What is flagged at other lines, and a capture that fails first at another line."""
    meant = {lines[expected.mark] for expected in pair.expected if expected.code}
    for site in audit.sites:
        if site.code and _place(site) not in meant:
            yield f"{site.api} at {site.place} is {site.fate} ({site.code}), and nothing is wrong there"
    head = audit.headline
    place = None if head is None else (PurePath(head.file).name, head.line)
    wanted = lines[pair.headline] if pair.headline else None
    if place != wanted:
        yield f"the capture fails first at {place and _words(place)}, expected {wanted and _words(wanted)}"


def _is(site: AuditSite, expected: Expected) -> bool:
    return site.kind == expected.kind and expected.api in ("", site.api)


def _place(site: AuditSite) -> tuple[str, int]:
    return PurePath(site.file).name, site.line


def _words(place: tuple[str, int]) -> str:
    return f"{place[0]}:{place[1]}"
