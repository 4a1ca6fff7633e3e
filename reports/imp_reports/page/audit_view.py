"""What the template of an audit is given: sites by fate, each with the lines and the ways that lead to it.

A page holds what a browser opens at once. The worst sites have all that is known of them, the others a row, and the rest
is counted.
"""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from imp_graphcheck.record.audit import Audit, AuditSite, Origin
from imp_graphcheck.record.site import Site
from imp_reports.audit_groups import Group, group_of
from imp_reports.audit_paths import AuditPaths
from imp_reports.audit_words import (
    FATE_TITLES,
    LONG,
    UNKNOWN,
    called,
    cause,
    conditions,
    headline_position,
    is_compared,
    ordered,
    refusals,
    scope,
    shortened,
    subject,
    summary,
    title,
)
from imp_reports.page.excerpts import Excerpt, ExcerptLine, Sources
from imp_reports.page.facts import Facts
from imp_reports.text import count, size

BUDGET = 4_600_000
"""Characters of all sites together; a page stays below 5 MB. Rows leave a quarter of it to details."""

LONGEST = 4 * LONG
"""Characters of a text that stands by itself."""

MAX_FRAMES = 32
MAX_LISTED = 200
"""Places that could not be parsed or followed."""

_ORIGINS: dict[Origin, str] = {"run": "running it", "source": "reading", "process": "tracing its process"}

_ROW, _GROUP, _DETAIL, _LINE = 560, 350, 450, 55
"""Characters of markup around a row, around what a group shares, around what is folded in a row, and around each line of
that: a little more than there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A step of a chain, or a frame of a stack."""

    name: str
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """What is folded behind a row. `chain_left_out` and `stack_left_out` lines are in the record only."""

    excerpt: Excerpt
    chain: tuple[Line, ...]
    chain_left_out: int
    stack: tuple[Line, ...]
    stack_left_out: int
    refusals: tuple[tuple[str, str], ...]
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteView:
    """A row. `position` is its place in the record."""

    position: int
    site: AuditSite
    file: str
    function: str
    api: str
    when: str
    detail: Detail | None
    is_open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupView:
    """Sites that share a reason."""

    group: Group
    title: str
    sites: tuple[SiteView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Sites of one fate, or sites that are no matter. `total` counts those as well that are on no page."""

    name: str
    title: str
    total: int
    listed: int
    is_folded: bool
    groups: tuple[GroupView, ...]


def audit_view(
    audit: Audit, *, titles: Mapping[str, str], roots: Sequence[Path], sources: Sources
) -> dict[str, Any]:
    """Everything that `audit.html.j2` names."""
    sections = _Sections(audit, titles, roots, sources).all()
    worst = cause(audit)
    shown = {view.position for section in sections for group in section.groups for view in group.sites}
    return {
        "audit": audit,
        "facts": Facts(audit),
        "title": title(audit),
        "subject": subject(audit),
        "summary": summary(audit),
        "scope": scope(audit),
        "cause": worst,
        "link": worst.position if worst.position in shown else None,
        "sections": sections,
        "classes": sorted({site.kind for site in audit.sites}),
        "seen": any(site.count is not None for site in audit.sites),
        "compared": is_compared(audit),
        "new": sum(site.severity is not None and site.is_new for site in audit.sites),
        "known": sum(site.severity is not None and not site.is_new for site in audit.sites),
        "command": shlex.join(audit.command),
        "max_listed": MAX_LISTED,
        "count": count,
        "size": size,
        "shortened": lambda text: shortened(text, LONGEST),
        "thousands": "{:,}".format,
        "two_digits": "{:.2f}".format,
    }


class _Sections:
    def __init__(
        self, audit: Audit, titles: Mapping[str, str], roots: Sequence[Path], sources: Sources
    ) -> None:
        self._audit = audit
        self._titles = titles
        self._paths = AuditPaths(audit, roots)
        self._sources = sources
        self._left = BUDGET
        self._headline = headline_position(audit)

    def all(self) -> tuple[Section, ...]:
        """In the order of the page, which is also the order in which room is given away: rows before details."""
        filed: dict[str, list[int]] = {}
        for position in ordered(self._audit):
            filed.setdefault(_section(self._audit.sites[position]), []).append(position)
        names: dict[str, str] = {
            "forbidden": FATE_TITLES["forbidden"],
            "rereads host": FATE_TITLES["rereads host"],
            "capture only": FATE_TITLES["capture only"],
            "known": "Known from the baseline",
            "fixed": FATE_TITLES["fixed"],
            "harmless": FATE_TITLES["harmless"],
            "outside": "Outside of the captured region",
        }
        rows = {name: self._rows(filed[name]) for name in names if name in filed}
        return tuple(
            self._made(name, names[name], self._with_details(rows[name]), total=len(filed[name]))
            for name in rows
        )

    def _made(self, name: str, words: str, views: Sequence[SiteView], *, total: int) -> Section:
        groups: dict[Group, list[SiteView]] = {}
        for view in views:
            groups.setdefault(group_of(view.site), []).append(view)
        return Section(
            name=name,
            title=words,
            total=total,
            listed=len(views),
            is_folded=name in ("known", "fixed", "harmless", "outside"),
            groups=tuple(
                GroupView(group=group, title=self._titles.get(group.code, ""), sites=tuple(members))
                for group, members in groups.items()
            ),
        )

    def _rows(self, positions: Sequence[int]) -> list[SiteView]:
        """As many as there is room for."""
        rows: list[SiteView] = []
        groups: set[Group] = set()
        for position in positions:
            row = self._row(position)
            group = group_of(row.site)
            room = _ROW + _characters((row.file, row.function, row.api, row.when))
            if group not in groups:
                texts = (group.reason, group.refused, group.remedy)
                room += _GROUP + _characters(shortened(text, LONGEST) for text in texts)
            if self._left - room < BUDGET // 4:
                break
            self._left -= room
            groups.add(group)
            rows.append(row)
        return rows

    def _row(self, position: int) -> SiteView:
        site = self._audit.sites[position]
        return SiteView(
            position=position,
            site=site,
            file=shortened(site.file, LONG),
            function="" if site.function == UNKNOWN else called(site.function),
            api=shortened(site.api, LONG),
            when=shortened("; ".join(conditions(site)), 3 * LONG),
            detail=None,
            is_open=position == self._headline,
        )

    def _with_details(self, rows: Sequence[SiteView]) -> list[SiteView]:
        """The same rows, those in front with all that is known of them."""
        views = []
        for row in rows:
            detail = self._detail(row.site) if self._left > _DETAIL else None
            if detail is not None and not self._takes(_size(detail)):
                detail = None
            views.append(replace(row, detail=detail))
        return views

    def _takes(self, characters: int) -> bool:
        if characters > self._left:
            return False
        self._left -= characters
        return True

    def _detail(self, site: AuditSite) -> Detail:
        chain = [
            Line(name=called(step.function), place=_place(step.file, step.line) if step.line else "")
            for step in site.chain
        ]
        stack = [
            Line(
                name="" if frame.function == UNKNOWN else called(frame.function),
                place=_place(frame.file, frame.line),
            )
            for frame in site.stack
        ]
        return Detail(
            excerpt=self._excerpt(site),
            chain=tuple(chain[:MAX_FRAMES]),
            chain_left_out=max(0, len(chain) - MAX_FRAMES),
            stack=tuple(stack[:MAX_FRAMES]),
            stack_left_out=max(0, len(stack) - MAX_FRAMES),
            refusals=tuple((mode, shortened(error, LONG)) for mode, error in refusals(site))
            if site.modes
            else (),
            facts=tuple(_facts(site)),
        )

    def _excerpt(self, site: AuditSite) -> Excerpt:
        """The lines around the site; the call alone where the file is not here and the record has it."""
        found = Excerpt()
        for file in dict.fromkeys((self._paths.of(site), site.file)):
            found = self._sources.around(Site(file=file, line=site.line, function=site.function))
            if found.lines:
                lines = tuple(
                    ExcerptLine(number=line.number, text=line.text[: 2 * LONG], hit=line.hit)
                    for line in found.lines
                )
                return Excerpt(lines=lines, remark=found.remark)
        if site.text:
            only = ExcerptLine(number=site.line, text=shortened(site.text, 2 * LONG), hit=True)
            return Excerpt(lines=(only,), remark="")
        return found if site.line else Excerpt(remark="source not shown: the line is not known")


def _section(site: AuditSite) -> str:
    if site.reachable == "no":
        return "outside"
    if site.severity is not None and not site.is_new:
        return "known"
    return site.fate


def _facts(site: AuditSite) -> Iterable[tuple[str, str]]:
    """What else is known, by name."""
    told = {
        # A row has the rest of it.
        "guard": site.guard if len(site.guard) > 2 * LONG else "",
        "notes": "; ".join(site.notes) if len("; ".join(conditions(site))) > 3 * LONG else "",
        "host memory": site.host or "",
        "streams": ", ".join(site.streams),
        "threads": ", ".join(site.threads),
        "found by": ", ".join(_ORIGINS[each] for each in site.origins),
    }
    return ((name, shortened(words, LONGEST)) for name, words in told.items() if words)


def _place(file: str, line: int) -> str:
    return f"{shortened(file, LONG)}:{line}" if line else shortened(file, LONG)


def _size(detail: Detail) -> int:
    """About as many characters as it will have on the page."""
    lines = [*detail.chain, *detail.stack]
    texts = [
        *(line.text for line in detail.excerpt.lines),
        *(word for line in lines for word in (line.name, line.place)),
        *(word for pair in (*detail.refusals, *detail.facts) for word in pair),
    ]
    markup = len(detail.excerpt.lines) + len(lines) + len(detail.refusals) + len(detail.facts)
    return _DETAIL + _LINE * markup + _characters(texts)


def _characters(texts: Iterable[str]) -> int:
    """As HTML: a few characters are written as entities, in UTF-8."""
    return sum(len(text.encode()) + 5 * sum(map(text.count, "<>&\"'")) for text in texts)
