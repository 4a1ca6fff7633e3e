"""Sites with the same thing wrong with them, told once: a program has many sites, and few mistakes."""

from collections.abc import Iterable
from dataclasses import dataclass

from imp_graphcheck.record.audit import AuditSite, Fate
from imp_reports.audit_words import refusals_in_words


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """What its sites share. `refused` says which capture modes refuse the call, where that matters."""

    fate: Fate
    code: str
    reason: str
    refused: str
    remedy: str


def group_of(site: AuditSite) -> Group:
    """The group that `site` belongs to."""
    return Group(
        fate=site.fate,
        code=site.code or "",
        reason=site.reason,
        refused=refusals_in_words(site) if site.modes and site.severity is not None else "",
        remedy=site.remedy,
    )


def grouped(sites: Iterable[AuditSite]) -> dict[Group, list[AuditSite]]:
    """Groups and sites in the order in which they come."""
    found: dict[Group, list[AuditSite]] = {}
    for site in sites:
        found.setdefault(group_of(site), []).append(site)
    return found
