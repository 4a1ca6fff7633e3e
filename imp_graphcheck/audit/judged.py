"""The last steps of every audit: what was read beside what was seen, and what a baseline knows."""

from pathlib import Path

from msgspec import structs

from imp_graphcheck.audit.launch import Audited
from imp_graphcheck.record.audit import Audit
from imp_graphcheck.record.audit_store import save_audit
from imp_graphcheck.record.baseline import Baseline, compared
from imp_graphcheck.record.finding import SEVERITIES, Severity
from imp_graphcheck.source.merge import merged
from imp_graphcheck.source.source_audit import SourceAudit


def with_source(audited: Audited, read: SourceAudit) -> Audited:
    """The sites of both, saved: counts beside each line of the source, and what either of them missed."""
    audit = audited.audit
    sites = merged(read.sites, audit.sites, Path(read.tree.directory))
    notes = (*audit.notes, *read.notes)
    return _saved(audited, structs.replace(audit, sites=sites, source=read.tree, notes=notes))


def with_baseline(audited: Audited, baseline: Baseline, file: Path) -> Audited:
    """Each site told whether the baseline knows it, saved."""
    sites, gone = compared(audited.audit.sites, baseline)
    notes = audited.audit.notes
    if gone:
        word = "site" if len(gone) == 1 else "sites"
        notes = (
            *notes,
            f"{len(gone)} {word} that {file} knows are gone: write it again with --write-baseline",
        )
    audit = structs.replace(audited.audit, sites=sites, notes=notes, baseline=str(file))
    return _saved(audited, audit)


def fails(audit: Audit, fail_on: Severity) -> bool:
    """Whether there is something as bad as `fail_on` that no baseline knows. A failed capture always is."""
    mildest = SEVERITIES.index(fail_on)
    return audit.headline is not None or any(
        site.severity is not None and site.is_new and SEVERITIES.index(site.severity) >= mildest
        for site in audit.sites
    )


def _saved(audited: Audited, audit: Audit) -> Audited:
    save_audit(audit, audited.directory)
    return Audited(audit=audit, directory=audited.directory)
