"""`imp-graphcheck diff`."""

from typing import Annotated

import typer

from imp_graphcheck.cli.output import Format, print_document, print_rendered
from imp_graphcheck.cli.saved_run import RUN_HELP, saved_run
from imp_graphcheck.exit_codes import ExitCode


def diff(
    before: Annotated[str, typer.Argument(metavar="RUN", help=RUN_HELP)],
    after: Annotated[str, typer.Argument(metavar="RUN", help="The run to compare it with.")],
    format_: Annotated[Format, typer.Option("--format", help="What stdout carries.")] = "table",
) -> None:
    """Compare the graphs of two runs.

    Graphs are paired by key and compared node by node: kernels, geometry, numbers passed by value, copies, and what
    pointers point at; then findings and figures. The exit code is 0 if they are equal and 1 if they are not; timings do
    not count.
    """
    from imp_reports.run_diff import run_diff
    from imp_reports.run_diff_text import diff_document, print_diff

    difference = run_diff(saved_run(before)[0], saved_run(after)[0])
    if format_ == "json":
        print_document(diff_document(difference))
    else:
        print_rendered(lambda console: print_diff(difference, console))
    raise typer.Exit(ExitCode.CLEAN if difference.equal else ExitCode.FINDINGS)
