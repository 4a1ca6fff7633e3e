"""`imp-graphcheck report`."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from imp_graphcheck.cli.output import print_document
from imp_graphcheck.errors import UsageError

ReportFormat = Literal["html", "json"]

LATEST = Path(".graphcheck/runs/latest")


def report(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="A run directory, a run.json, or the word latest.")
    ] = "latest",
    format_: Annotated[ReportFormat, typer.Option("--format", help="One page, or the document.")] = "html",
    output: Annotated[
        str | None, typer.Option("--output", "-o", help="The file to write; - is stdout.")
    ] = None,
    source: Annotated[
        list[Path] | None, typer.Option(help="A folder whose source lines may be shown; default: this one.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", "-f", help="Overwrite the file.")] = False,
) -> None:
    """Render a saved run again.

    Needs neither a GPU nor torch. The page is one file that opens without a network; it is written as
    graphcheck-ID.html unless --output says otherwise.
    """
    from imp_graphcheck.record.store import encode_run, load_run

    loaded = load_run(LATEST if run == "latest" else Path(run))
    document = encode_run(loaded)
    if format_ == "html":
        from imp_graphcheck.rules import RULES
        from imp_reports.page import render_page
        from imp_reports.page.excerpts import Sources

        titles = {code: rule.title for code, rule in RULES.items()}
        sources = Sources(tuple(source or (Path.cwd(),)), loaded.started_at)
        document = render_page(loaded, titles=titles, sources=sources).encode()
    if output == "-":
        print_document(document)
        return
    path = Path(output or f"graphcheck-{loaded.id}.{format_}")
    _write(path, document, force=force)
    print(path, file=sys.stdout)  # noqa: T201 - the payload


def _write(path: Path, document: bytes, *, force: bool) -> None:
    if path.exists() and not force:
        raise UsageError(
            f"{path} exists already.", hint="add --force to overwrite it, or name another --output"
        )
    try:
        path.write_bytes(document)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror or error}.", hint="name another file with --output"
        ) from error
