"""The commands, listed."""

from collections.abc import Callable
from typing import Annotated

import typer

import imp_graphcheck
from imp_graphcheck.cli.audit_syncs import audit_syncs
from imp_graphcheck.cli.behind_dashes import BehindDashes
from imp_graphcheck.cli.bisect import bisect
from imp_graphcheck.cli.capture import capture
from imp_graphcheck.cli.diff import diff
from imp_graphcheck.cli.doctor import doctor
from imp_graphcheck.cli.explain import explain
from imp_graphcheck.cli.inspect import inspect
from imp_graphcheck.cli.report import report
from imp_graphcheck.cli.selftest import selftest
from imp_graphcheck.exit_codes import ExitCode

EXIT_MEANINGS = {
    ExitCode.CLEAN: "checked, and nothing was found",
    ExitCode.FINDINGS: "at least one finding of the level that --fail-on names",
    ExitCode.USAGE: "bad usage or bad input; nothing was checked",
    ExitCode.INTERNAL: "the tool itself failed",
    ExitCode.INCONCLUSIVE: "nothing was proven (git bisect run takes it as skip)",
    ExitCode.INTERRUPTED: "interrupted; the partial run is saved",
}

EPILOG = "\b\nExit codes:\n" + "\n".join(f"  {code.value:>3}  {text}" for code, text in EXIT_MEANINGS.items())

COMMANDS: tuple[Callable[..., None], ...] = (
    capture,
    bisect,
    audit_syncs,
    inspect,
    diff,
    report,
    explain,
    selftest,
    doctor,
)

app = typer.Typer(
    no_args_is_help=True,
    # Plain help: it costs a third of the time of rich help, and reads the same in a pipe.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EPILOG,
)

for command in COMMANDS:
    app.command(epilog=EPILOG, cls=BehindDashes if command is audit_syncs else None)(command)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"imp-graphcheck {imp_graphcheck.__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Find out why a CUDA graph dies, lies or never happened."""
