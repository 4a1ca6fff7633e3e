"""The sites of several processes of one command as one list."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from imp_graphcheck.record.audit import FATES, AuditSite, Phase

__all__ = ["merge_sites"]


@dataclass(frozen=True, slots=True)
class _Key:
    place: str
    function: str
    api: str
    kind: str


def merge_sites(processes: Sequence[tuple[AuditSite, ...]]) -> tuple[AuditSite, ...]:
    """Ranks of a model run the same lines: their counts are added, and the worst fate stands. Worst first."""
    merged: dict[_Key, AuditSite] = {}
    for site in (site for sites in processes for site in sites):
        key = _Key(site.place, "" if site.line else site.function, site.api, site.kind)
        merged[key] = _add(merged[key], site) if key in merged else site
    return tuple(
        sorted(merged.values(), key=lambda site: (FATES.index(site.fate), site.file, site.line, site.api))
    )


def _add(one: AuditSite, other: AuditSite) -> AuditSite:
    # A site that a capture reaches says more than one of the same line that none does, whatever their fates.
    worse, better = sorted((one, other), key=lambda site: (site.reachable != "yes", FATES.index(site.fate)))
    phases: Counter[Phase] = Counter(worse.phases)
    phases.update(better.phases)
    return msgspec.structs.replace(
        worse,
        count=(worse.count or 0) + (better.count or 0),
        bytes_total=(worse.bytes_total or 0) + (better.bytes_total or 0),
        phases=dict(phases),
        streams=tuple(sorted({*worse.streams, *better.streams})),
        threads=tuple(sorted({*worse.threads, *better.threads})),
        notes=tuple(dict.fromkeys((*worse.notes, *better.notes))),
    )
