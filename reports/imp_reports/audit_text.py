"""An audit on a terminal, or in a pipe: what fails the capture first, then every site by its fate."""

from pathlib import Path

from rich.console import Console

from imp_graphcheck.record.audit import FATES, Audit, AuditSite, Fate
from imp_reports.audit_words import (
    FATE_TITLES,
    cause,
    chain,
    of_fate,
    phases,
    scope,
    shown_sites,
    summary,
    title,
)
from imp_reports.text import (
    MAX_ROWS,
    NOT_MEASURED,
    count,
    print_line,
    print_table,
    print_title,
    print_to_copy,
    size,
)

_STYLES = {
    "findings": "bold red",
    "failed": "bold red",
    "partial": "bold yellow",
    "warnings": "bold yellow",
    "clean": "bold green",
}


def print_audit(audit: Audit, directory: Path | None, console: Console, *, everything: bool = False) -> None:
    """Print `audit`, which is saved in `directory`. With `everything`, no table is cut and harmless sites are listed."""
    word = title(audit)
    print_line(console, (word.upper(), _STYLES[word]), "  ", summary(audit))
    if audit.status_reason:
        print_line(console, audit.status_reason)
    sentence, remedy = cause(audit)
    if sentence:
        print_line(console, sentence)
    if remedy:
        print_line(console, "  do: ", remedy)
    print_line(console, (scope(audit), "dim"))
    sites = shown_sites(audit)
    for fate in FATES:
        if fate != "harmless" or everything:
            _print_fate(fate, of_fate(sites, fate), console, everything=everything)
    _print_rest(audit, sites, console, everything=everything)
    if directory is not None:
        console.print()
        print_to_copy(console, f"saved: {directory / 'audit.json'}")
        print_to_copy(console, f"as a page: imp-graphcheck report {directory}")


def _print_fate(fate: Fate, sites: tuple[AuditSite, ...], console: Console, *, everything: bool) -> None:
    if not sites:
        return
    print_title(console, f"{FATE_TITLES[fate]} ({len(sites)})")
    seen = any(site.count is not None for site in sites)
    header = ("site", "call", "class", *(("count", "bytes", "phase") if seen else ()), "why", "do")
    rows = sites if everything else sites[:MAX_ROWS]
    print_table(console, header, [_row(site, seen=seen) for site in rows], right=("count", "bytes"))
    if len(sites) > len(rows):
        print_line(console, (f"and {count(len(sites) - len(rows), 'site')} more; --all lists them", "dim"))


def _row(site: AuditSite, *, seen: bool) -> tuple[str, ...]:
    counted: tuple[str, ...] = ()
    if seen:
        counted = (
            NOT_MEASURED if site.count is None else str(site.count),
            size(site.bytes_total) if site.bytes_total else NOT_MEASURED,
            phases(site),
        )
    return (f"{site.place} {site.function}()", site.api, site.kind, *counted, _why(site), site.remedy)


def _why(site: AuditSite) -> str:
    parts = [site.reason] if site.fate != "forbidden" or not site.guard else []
    parts += ["perhaps"] if site.reachable == "maybe" else []
    parts += [f"if {site.guard}"] if site.guard else []
    parts += list(site.notes)
    parts += ["known"] if not site.is_new else []
    return "; ".join(parts) or site.reason


def _print_rest(audit: Audit, sites: tuple[AuditSite, ...], console: Console, *, everything: bool) -> None:
    console.print()
    worst = next((site for site in sites if site.severity is not None and site.is_new and site.chain), None)
    if worst is not None:
        print_line(console, ("chain  ", "dim"), f"{chain(worst)} > {worst.api} ({worst.place})")
    hidden = 0 if everything else len(of_fate(sites, "harmless"))
    if hidden:
        print_line(console, (f"{count(hidden, 'harmless site')} not listed: --all lists them", "dim"))
    unreached = len(audit.sites) - len(sites)
    if unreached:
        print_line(console, (f"{count(unreached, 'site')} that the entry does not lead to", "dim"))
    if audit.source is not None:
        _print_limits(audit, console, everything=everything)
    for note in audit.notes:
        print_line(console, ("note  ", "dim"), note)


def _print_limits(audit: Audit, console: Console, *, everything: bool) -> None:
    """What reading could not see."""
    assert audit.source is not None
    opaque, unknown = audit.source.opaque, audit.source.unknown_calls
    if opaque:
        files = len({each.file for each in opaque})
        print_line(
            console, (f"{count(len(opaque), 'place')} in {count(files, 'file')} could not be parsed", "dim")
        )
    for each in opaque if everything else opaque[:3]:
        where = f"{each.file}:{each.first}" if each.first else each.file
        print_line(console, (f"  {where}  {each.reason}", "dim"))
    if unknown:
        print_line(
            console, (f"{count(len(unknown), 'reached call')} through pointers could not be followed", "dim")
        )
    for place in unknown if everything else unknown[:3]:
        print_line(console, (f"  {place}", "dim"))
