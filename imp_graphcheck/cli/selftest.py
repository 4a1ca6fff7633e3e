"""`imp-graphcheck selftest`."""

import os
from typing import Annotated

import typer

from imp_graphcheck.cli.capture import Device
from imp_graphcheck.cli.output import Format, print_document, print_rendered
from imp_graphcheck.exit_codes import ExitCode


def selftest(
    device: Annotated[
        Device, typer.Option(help="auto is cuda where there is an NVIDIA GPU, else sim.")
    ] = "auto",
    only: Annotated[str | None, typer.Option(help="Only cases whose code or name starts with this.")] = None,
    jobs: Annotated[int | None, typer.Option(help="Child processes at a time.", min=1)] = None,
    format_: Annotated[Format, typer.Option("--format", help="What stdout carries.")] = "table",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")] = False,
) -> None:
    """Show every rule to fire.

    Runs small programs with a known mistake, and the same programs repaired: the rule must fire at the right line on
    the one and be silent on the other.
    """
    import msgspec

    from imp_graphcheck.record.matrix import MatrixRow
    from imp_graphcheck.selftest.run import run_selftest

    def on_row(row: MatrixRow) -> None:
        if not quiet:
            typer.echo(f"{row.code}  {row.fault}: {row.problem or 'ok'}  {row.seconds:.1f} s", err=True)

    # torch.set_num_threads is the child's business; beside each other, threads inside torch only fight.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    matrix = run_selftest(device, jobs=jobs or max(1, (os.cpu_count() or 2) // 2), only=only, on_row=on_row)
    if not matrix.rows:
        typer.echo(f"error: no case starts with {only}.", err=True)
        typer.echo("hint: try --only GC2, or leave it out", err=True)
        raise typer.Exit(ExitCode.USAGE)
    if format_ == "json":
        print_document(msgspec.json.format(msgspec.json.encode(matrix), indent=2) + b"\n")
    else:
        from imp_reports.matrix import print_matrix

        print_rendered(lambda console: print_matrix(matrix, console))
    raise typer.Exit(ExitCode.CLEAN if all(row.passed for row in matrix.rows) else ExitCode.FINDINGS)
