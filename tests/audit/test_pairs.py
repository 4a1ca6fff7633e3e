"""Every class of call is found on a small program, at the marked line, with the right verdict; its twin is silent."""

from collections.abc import Callable
from pathlib import Path

import pytest

from imp_graphcheck.faults.audit_pairs import AUDIT_PAIRS, AuditPair, Expected, marked
from imp_graphcheck.record.audit import Audit, AuditSite

AuditOf = Callable[..., Audit]
PAIRS = [pytest.param(pair, id=pair.fault) for pair in AUDIT_PAIRS]
TWINS = sorted({pair.twin_model for pair in AUDIT_PAIRS})
LINES = marked()


def sites_at(audit: Audit, expected: Expected) -> list[AuditSite]:
    return [
        site
        for site in audit.sites
        if (Path(site.file).name, site.line) == LINES[expected.mark]
        and site.kind == expected.kind
        and expected.api in ("", site.api)
    ]


def test_there_is_a_pair_for_every_class_that_torch_can_make() -> None:
    kinds = {expected.kind for pair in AUDIT_PAIRS for expected in pair.expected}
    assert kinds == {"h2d", "d2h", "d2d", "sync", "query", "alloc", "free", "handle", "memset", "xstream"}


@pytest.mark.parametrize("pair", PAIRS)
def test_fault_is_found_with_its_verdict(audit_of: AuditOf, pair: AuditPair) -> None:
    audit = audit_of(pair.fault_model)
    assert audit.status == "complete", audit.status_reason
    for expected in pair.expected:
        found = sites_at(audit, expected)
        assert len(found) == 1, (expected, found)
        site = found[0]
        assert (site.fate, site.code, site.reachable) == (expected.fate, expected.code, expected.reachable)
        assert tuple(site.modes) == expected.modes
        assert site.host == expected.host
        if expected.thread:
            assert site.threads == (expected.thread,)


@pytest.mark.parametrize("pair", PAIRS)
def test_nothing_else_is_flagged(audit_of: AuditOf, pair: AuditPair) -> None:
    audit = audit_of(pair.fault_model)
    lines = {LINES[expected.mark] for expected in pair.expected if expected.code}
    flagged = {(Path(site.file).name, site.line) for site in audit.sites if site.code}
    assert flagged == lines


@pytest.mark.parametrize("pair", PAIRS)
def test_headline_is_the_first_call_that_fails(audit_of: AuditOf, pair: AuditPair) -> None:
    headline = audit_of(pair.fault_model).headline
    if not pair.headline:
        assert headline is None
        return
    assert headline is not None
    assert (Path(headline.file).name, headline.line) == LINES[pair.headline]


@pytest.mark.parametrize("twin", TWINS)
def test_twin_is_silent(audit_of: AuditOf, twin: str) -> None:
    audit = audit_of(twin)
    assert (audit.status, audit.headline) == ("complete", None)
    assert audit.sites
    assert [(site.place, site.api, site.fate) for site in audit.sites if site.code] == []
    assert {site.fate for site in audit.sites} <= {"fixed", "harmless"}
