"""An audit on a terminal, or in a pipe: what fails the capture first, then every site by its fate."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from rich.cells import cell_len
from rich.console import Console

from imp_graphcheck.record.audit import FATES, Audit, AuditSite, Fate
from imp_reports.audit_groups import Group, grouped
from imp_reports.audit_words import (
    FATE_TITLES,
    LONG,
    cause,
    chain,
    conditions,
    of_fate,
    ordered,
    phases,
    scope,
    shortened,
    shown_sites,
    summary,
    title,
    where,
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
    visible,
)

_STYLES = {
    "findings": "bold red",
    "failed": "bold red",
    "partial": "bold yellow",
    "warnings": "bold yellow",
    "clean": "bold green",
}


def print_audit(audit: Audit, directory: Path | None, console: Console, *, everything: bool = False) -> None:
    """Print `audit`, which is saved in `directory`.

    With `everything`, no list is cut, and harmless, unreached and known sites are listed as well.
    """
    _print_headline(audit, console)
    for fate in FATES:
        if fate != "harmless" or everything:
            _print_fate(fate, _listed(audit, fate, everything=everything), console, everything=everything)
    if everything:
        _print_unreached(audit, console)
    _print_rest(audit, console, everything=everything)
    if directory is not None:
        console.print()
        print_to_copy(console, f"saved: {directory / 'audit.json'}")
        print_to_copy(console, f"as a page: imp-graphcheck report {shlex.quote(str(directory))}")


def _print_headline(audit: Audit, console: Console) -> None:
    """Verdict, cause, what to do: who reads three lines has all that matters."""
    word, worst = title(audit), cause(audit)
    print_line(console, (word.upper(), _STYLES[word]), "  ", summary(audit))
    if worst.sentence:
        print_line(console, worst.sentence)
    if worst.remedy:
        print_line(console, "  do: ", worst.remedy)
    if worst.hidden_by:
        print_line(console, "  the program saw: ", worst.hidden_by)
    if scope(audit):
        print_line(console, (scope(audit), "dim"))


def _listed(audit: Audit, fate: Fate, *, everything: bool) -> tuple[AuditSite, ...]:
    """The sites of `fate` that the region may get to. Known ones are no news."""
    sites = of_fate(shown_sites(audit), fate)
    return sites if everything else tuple(site for site in sites if site.is_new)


def _print_fate(fate: Fate, sites: tuple[AuditSite, ...], console: Console, *, everything: bool) -> None:
    if not sites:
        return
    print_title(console, f"{FATE_TITLES[fate]} ({len(sites)})")
    rows = sites if everything else sites[:MAX_ROWS]
    for group, members in grouped(rows).items():
        _print_group(group, members, console)
    if len(sites) > len(rows):
        console.print()
        print_line(console, (f"and {count(len(sites) - len(rows), 'site')} more; --all lists them", "dim"))


def _print_group(group: Group, sites: Sequence[AuditSite], console: Console) -> None:
    console.print()
    if group.code or group.reason:
        print_line(console, (group.code, "bold"), "  " if group.code else "", group.reason)
    if group.refused:
        print_line(console, "  ", group.refused)
    if group.remedy:
        print_line(console, "  do: ", group.remedy)
    header, rows = _rows(sites)
    if any(_when(site) for site in sites) or _width(header, rows) > console.width:
        for site in sites:
            _print_site(site, console)
    else:
        print_table(console, header, rows, right=("count", "bytes"))


def _rows(sites: Sequence[AuditSite]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    seen = any(site.count is not None for site in sites)
    header = ("site", "call", "class", *(("count", "bytes", "phase") if seen else ()))
    rows = [
        (where(site), site.api, site.kind, *((_count(site), _size(site), phases(site)) if seen else ()))
        for site in sites
    ]
    return header, rows


def _width(header: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """Columns that a table takes if none of its cells is broken, as places and names should not be."""
    return (
        sum(2 + max(cell_len(visible(cell)) for cell in column) for column in zip(header, *rows, strict=True))
        - 2
    )


def _print_site(site: AuditSite, console: Console) -> None:
    """A site in lines: where there is more to say of it than a row has room for."""
    parts = [f"- {where(site)}", f"{site.api}  {site.kind}"]
    if site.count is not None:
        amount = f", {_size(site)}" if site.bytes_total else ""
        phase = f": {phases(site)}" if site.phases else ""
        parts.append(f"{count(site.count, 'time')}{amount}{phase}")
    line = "  ".join(parts)
    for shown in (
        [line]
        if cell_len(visible(line)) <= console.width
        else [parts[0], *(f"  {part}" for part in parts[1:])]
    ):
        print_line(console, shown)
    if _when(site):
        print_line(console, (f"  {_when(site)}", "dim"))


def _count(site: AuditSite) -> str:
    return NOT_MEASURED if site.count is None else str(site.count)


def _size(site: AuditSite) -> str:
    return size(site.bytes_total) if site.bytes_total else NOT_MEASURED


def _when(site: AuditSite) -> str:
    return "; ".join((*conditions(site), *(() if site.is_new else ("known",))))


def _print_unreached(audit: Audit, console: Console) -> None:
    sites = [audit.sites[position] for position in ordered(audit) if audit.sites[position].reachable == "no"]
    if not sites:
        return
    print_title(console, f"Not in the captured region ({len(sites)})")
    for group, members in grouped(sites).items():
        _print_group(group, members, console)


def _print_rest(audit: Audit, console: Console, *, everything: bool) -> None:
    console.print()
    position = cause(audit).position
    if position is not None and audit.sites[position].chain:
        site = audit.sites[position]
        print_line(
            console, ("chain  ", "dim"), f"{shortened(chain(site), 8 * LONG)} > {site.api} ({site.place})"
        )
    if not everything:
        _print_left_out(audit, console)
    if audit.source is not None:
        _print_limits(audit, console, everything=everything)
    for note in audit.notes:
        print_line(console, ("note  ", "dim"), note)


def _print_left_out(audit: Audit, console: Console) -> None:
    sites = shown_sites(audit)
    hidden = (
        (sum(not site.is_new and site.fate != "harmless" for site in sites), "known site"),
        (sum(site.fate == "harmless" for site in sites), "harmless site"),
        (
            len(audit.sites) - len(sites),
            "site outside of the captured region",
            "sites outside of the captured region",
        ),
    )
    parts = [count(*each) for each in hidden if each[0]]
    if parts:
        print_line(console, (f"not listed: {', '.join(parts)}; --all lists them", "dim"))


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
        where_ = f"{each.file}:{each.first}" if each.first else each.file
        print_line(console, (f"  {where_}  {each.reason}", "dim"))
    if unknown:
        print_line(
            console, (f"{count(len(unknown), 'reached call')} through pointers could not be followed", "dim")
        )
    for place in unknown if everything else unknown[:3]:
        print_line(console, (f"  {place}", "dim"))
