"""`imp-graphcheck report`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from imp_graphcheck.cli.saved_run import RUN_HELP

ReportFormat = Literal["html", "json", "csv", "parquet", "sarif", "junit", "md", "table"]
TableName = Literal["calls", "stages", "nodes", "pointers", "findings", "memory"]


def report(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help=f"{RUN_HELP} Or the directory of a bisection or an audit.")
    ] = "latest",
    format_: Annotated[
        ReportFormat, typer.Option("--format", help="What is written; table goes to stdout.")
    ] = "html",
    output: Annotated[
        str | None, typer.Option("--output", "-o", help="The file to write; - is stdout.")
    ] = None,
    table: Annotated[
        TableName, typer.Option(help="The table of csv and parquet; an audit has one, its sites.")
    ] = "findings",
    everything: Annotated[
        bool, typer.Option("--all", help="With table, every site of an audit, harmless ones too.")
    ] = False,
    source: Annotated[
        list[Path] | None, typer.Option(help="A folder whose source lines may be shown; default: this one.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", "-f", help="Overwrite the file.")] = False,
) -> None:
    """Render a saved run, bisection or audit again.

    Needs neither a GPU nor torch. A page is one file that opens without a network. Files are written as
    graphcheck-ID.SUFFIX unless --output says otherwise, and the path is printed. The exit code is 0 whatever the run
    found.
    """
    from imp_graphcheck.cli.rendering import print_table_of, write_report

    if format_ == "table":
        print_table_of(run, output, everything=everything)
    else:
        roots = tuple(folder.absolute() for folder in source or (Path.cwd(),))
        write_report(run, format_, output, table=table, roots=roots, force=force)
