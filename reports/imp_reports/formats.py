"""Every file format of a run, by name.

data = rendered(run, "sarif", Rendering(rules=RULES, roots=(Path.cwd(),)))
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Literal, get_args

from imp_graphcheck.record.run import Run
from imp_graphcheck.record.store import encode_run
from imp_reports.rule_text import Rules
from imp_reports.tables import TableName

FileFormat = Literal["html", "json", "csv", "parquet", "sarif", "junit", "md"]
FILE_FORMATS: tuple[FileFormat, ...] = get_args(FileFormat)

SUFFIXES: dict[FileFormat, str] = {
    "html": ".html",
    "json": ".json",
    "csv": ".csv",
    "parquet": ".parquet",
    "sarif": ".sarif",
    "junit": ".xml",
    "md": ".md",
}

TABULAR: tuple[FileFormat, ...] = ("csv", "parquet")
"""Formats that hold one table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """What is not in the run: the catalogue, the folders that source may be read from, and the table that is wanted."""

    rules: Rules = field(default_factory=dict)
    roots: Sequence[Path] = ()
    table: TableName = "findings"

    @property
    def titles(self) -> dict[str, str]:
        """What each rule is called."""
        return {code: rule.title for code, rule in self.rules.items()}


def rendered(run: Run, name: FileFormat, rendering: Rendering) -> bytes:
    """`run` as a file."""
    return _WRITERS[name](run, rendering)


def _html(run: Run, rendering: Rendering) -> bytes:
    from imp_reports.page import render_page
    from imp_reports.page.excerpts import Sources

    return render_page(
        run, titles=rendering.titles, sources=Sources(rendering.roots, run.started_at)
    ).encode()


def _json(run: Run, _rendering: Rendering) -> bytes:
    return encode_run(run)


def _csv(run: Run, rendering: Rendering) -> bytes:
    from imp_reports.csv_file import csv_file

    return csv_file(run, rendering.table)


def _parquet(run: Run, rendering: Rendering) -> bytes:
    from imp_reports.tables import table

    file = BytesIO()
    table(run, rendering.table).to_parquet(file, index=False)
    return file.getvalue()


def _sarif(run: Run, rendering: Rendering) -> bytes:
    from imp_reports.sarif import sarif

    return sarif(run, rules=rendering.rules, roots=rendering.roots)


def _junit(run: Run, _rendering: Rendering) -> bytes:
    from imp_reports.junit import junit

    return junit(run)


def _markdown(run: Run, _rendering: Rendering) -> bytes:
    from imp_reports.markdown import markdown

    return markdown(run).encode()


_WRITERS: dict[FileFormat, Callable[[Run, Rendering], bytes]] = {
    "html": _html,
    "json": _json,
    "csv": _csv,
    "parquet": _parquet,
    "sarif": _sarif,
    "junit": _junit,
    "md": _markdown,
}
