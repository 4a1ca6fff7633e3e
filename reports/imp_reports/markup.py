"""Pieces of Markdown in which text of the program under test stays text."""

import re
from collections.abc import Sequence

from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.site import Site
from imp_reports.sites import sites_of
from imp_reports.text import place, visible

_SPECIAL = re.compile(r"[\\`*_{}\[\]#!|~$]")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "@\u200b"}
"""An empty character after @: a mention is looked for after entities are resolved, so an entity would not stop it."""


def finding_text(finding: Finding) -> str:
    """A finding as a paragraph and a list."""
    lines = [
        f"**{finding.code}** {finding.severity}, {finding.confidence}: {safe(finding.message)}",
        "",
    ]
    lines += [f"- do: {safe(finding.remedy)}"] if finding.remedy else []
    lines += [f"- {word} at {where(site)}" for word, site in sites_of(finding)]
    lines += [f"- then {safe(consequence)}" for consequence in finding.consequences]
    return "\n".join(lines)


def table_of(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A table; the cells are safe already."""
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def where(site: Site) -> str:
    """A line of the program, and its function."""
    return f"{code(place(site))} in {code(site.function)}"


def code(text: str) -> str:
    """A code span whose fence no text can close."""
    shown = visible(text)
    longest = max((len(run) for run in re.findall(r"`+", shown)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if "`" in shown else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def safe(text: str) -> str:
    """Text that stays text: no markup, no mention, no cell of a table."""
    escaped = _SPECIAL.sub(lambda match: "\\" + match.group(), visible(text))
    return "".join(_ENTITIES.get(character, character) for character in escaped)
