"""An audit in words: what every page of it says first."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from imp_graphcheck.record.audit import FATES, Audit, AuditSite, Fate
from imp_graphcheck.record.finding import SEVERITIES
from imp_reports.text import count

FATE_TITLES: dict[Fate, str] = {
    "forbidden": "Forbidden in a capture",
    "rereads host": "Recorded, and host memory is read or written again at each replay",
    "capture only": "Done at capture time only, and at no replay",
    "fixed": "Recorded, the same at each replay",
    "harmless": "Harmless",
}


def shown_sites(audit: Audit) -> tuple[AuditSite, ...]:
    """The sites that the region may get to, worst first."""
    reached = [site for site in audit.sites if site.reachable != "no"]
    return tuple(sorted(reached, key=_order))


def _order(site: AuditSite) -> tuple[int, bool, int, str, int]:
    severity = -1 if site.severity is None else SEVERITIES.index(site.severity)
    return (FATES.index(site.fate), not site.is_new, -severity, site.file, site.line)


def of_fate(sites: Sequence[AuditSite], fate: Fate) -> tuple[AuditSite, ...]:
    """Those of `sites` with this fate."""
    return tuple(site for site in sites if site.fate == fate)


def title(audit: Audit) -> str:
    """One word for the whole of it."""
    if audit.status != "complete":
        return audit.status
    severities = {site.severity for site in audit.sites if site.is_new}
    if audit.headline is not None or "error" in severities:
        return "findings"
    return "warnings" if "warning" in severities else "clean"


def summary(audit: Audit) -> str:
    """The figures that say how much there is."""
    sites = shown_sites(audit)
    fates = Counter(site.fate for site in sites if site.severity is not None and site.is_new)
    words: dict[Fate, str] = {
        "forbidden": "forbidden in a capture",
        "rereads host": "with host memory that each replay reads or writes again",
        "capture only": "done at capture time only",
    }
    parts = [f"{count(fates[fate], 'site')} {word}" for fate, word in words.items() if fates[fate]]
    known = sum(site.severity is not None and not site.is_new for site in sites)
    parts += [f"{known} known from the baseline"] if known else []
    if not parts:
        parts = ["no call in the captured region that a capture minds"]
    return ", ".join(parts)


def scope(audit: Audit) -> str:
    """What was looked at."""
    parts = []
    if audit.target:
        parts.append(f"{audit.target} on {audit.device}, calls traced by {audit.traced_by}")
    if audit.source is not None:
        tree = audit.source
        parts.append(
            f"{tree.reached_functions} of {count(tree.functions, 'function')} below {', '.join(tree.entries)}, "
            f"{count(tree.files, 'file')} with {tree.lines:,} lines in {Path(tree.directory).name}/"
        )
    return "; ".join(parts)


def cause(audit: Audit) -> tuple[str, str]:
    """The worst of it in one sentence, and what to do about it. Empty where nothing is wrong."""
    if audit.headline is not None:
        head = audit.headline
        place = f" at {head.file}:{head.line} in {head.function}()" if head.file else ""
        hidden = f"; the program saw: {head.hidden_by}" if head.hidden_by else ""
        remedy = next((site.remedy for site in audit.sites if _is_headline(site, audit)), "")
        return f"the capture failed first in {head.api}{place}: {head.error}{hidden}", remedy
    for site in shown_sites(audit):
        if site.severity is not None and site.is_new:
            return f"{site.api} at {site.place} in {site.function}(): {site.reason}", site.remedy
    return "", ""


def _is_headline(site: AuditSite, audit: Audit) -> bool:
    head = audit.headline
    return head is not None and (site.file, site.line, site.api) == (head.file, head.line, head.api)


def chain(site: AuditSite) -> str:
    """From the entry to the call."""
    return " > ".join(str(step) for step in site.chain)


def phases(site: AuditSite) -> str:
    """`eager 2, capture 1`."""
    return ", ".join(f"{phase} {number}" for phase, number in site.phases.items())


def modes(site: AuditSite) -> str:
    """`global: 900 ...; thread_local: 900 ...`."""
    return "; ".join(f"{mode}: {error}" for mode, error in site.modes.items())
