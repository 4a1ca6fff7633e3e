"""`imp-graphcheck doctor`."""

from typing import Annotated

import typer

from imp_graphcheck.cli.output import Format, print_document, print_rendered
from imp_graphcheck.exit_codes import ExitCode


def doctor(
    format_: Annotated[Format, typer.Option("--format", help="What stdout carries.")] = "table",
) -> None:
    """Say what this machine can do.

    Shows GPU, driver, torch and extras, and which commands will work. Nothing on the machine is changed. The text is made to be pasted into an issue. The exit code is 0 if at
    least one command works here, and 1 if none does.
    """
    from imp_graphcheck.machine.examine import encode_machine, examine

    machine = examine()
    if format_ == "json":
        print_document(encode_machine(machine))
    else:
        from imp_reports.doctor import print_machine

        print_rendered(lambda console: print_machine(machine, console))
    works = any(ability.works for ability in machine.abilities)
    raise typer.Exit(ExitCode.CLEAN if works else ExitCode.FINDINGS)
