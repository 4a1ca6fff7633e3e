"""`imp-graphcheck inspect`."""

import sys
from typing import Annotated, Literal

import typer

from imp_graphcheck.cli.capture import Device, DType
from imp_graphcheck.cli.run_or_model import names_model, refuse_model_options
from imp_graphcheck.cli.saved_run import RUN_HELP
from imp_graphcheck.record.finding import Severity

InspectFormat = Literal["table", "json", "dot"]


def inspect(
    context: typer.Context,
    run: Annotated[
        str,
        typer.Argument(metavar="RUN|MODEL", help=f"{RUN_HELP} Or what capture takes, to capture it first."),
    ],
    graph: Annotated[str | None, typer.Option(help="One graph: its key, or gN as capture prints it.")] = None,
    node: Annotated[str | None, typer.Option(help="Only node N, or nodes A-B.")] = None,
    kernel: Annotated[str | None, typer.Option(help="Only nodes whose kernel's name holds this.")] = None,
    op: Annotated[str | None, typer.Option(help="Only nodes whose operator's name holds this.")] = None,
    pointer: Annotated[
        str | None,
        typer.Option(help="Only nodes that touch the allocation at this address, such as 0x7f0000."),
    ] = None,
    dead: Annotated[bool, typer.Option("--dead", help="Only nodes that touch memory that is gone.")] = False,
    limit: Annotated[int, typer.Option(help="Rows of a table.", min=1)] = 40,
    format_: Annotated[InspectFormat, typer.Option("--format", help="What stdout carries.")] = "table",
    pp: Annotated[int, typer.Option(help="MODEL: prompt tokens of the longest request.")] = 1024,
    chunk: Annotated[int, typer.Option(help="MODEL: tokens of one prefill call.")] = 256,
    requests: Annotated[int, typer.Option(help="MODEL: requests, each of another length.")] = 3,
    device: Annotated[
        Device, typer.Option(help="MODEL: auto is cuda where there is an NVIDIA GPU, else sim.")
    ] = "auto",
    dtype: Annotated[
        DType | None, typer.Option(help="MODEL: compute in this type instead of the model's own.")
    ] = None,
    seed: Annotated[int, typer.Option(help="MODEL: seed of the prompts and of random weights.")] = 0,
    fault: Annotated[
        str | None, typer.Option(help="MODEL: put known mistakes in first: NAME or NAME,NAME.")
    ] = None,
    output: Annotated[str, typer.Option(help="MODEL: the run is saved in OUTPUT/runs/ID.")] = ".graphcheck",
    fail_on: Annotated[
        Severity, typer.Option(help="MODEL: the mildest finding that makes the exit code 1.")
    ] = "error",
    timeout: Annotated[
        float, typer.Option(help="MODEL: seconds without progress that count as a hang.")
    ] = 600.0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="MODEL: no progress on stderr.")] = False,
) -> None:
    """Show what a captured graph points at.

    Nodes are grouped by operator and launching line, with the names of the memory that they read and write. A filter
    that leaves a handful shows each node with every argument: who owns it, which line allocated it, what became of it.

    A MODEL is captured and looked at, and never replayed; the run is saved as capture saves it. The exit code then says
    what was found; for a saved RUN it is 0.
    """
    from imp_graphcheck.cli.inspecting import Wanted, show_graphs

    wanted = Wanted(graph=graph, node=node, kernel=kernel, op=op, pointer=pointer, dead=dead, limit=limit)
    if not names_model(run):
        refuse_model_options(context)
        show_graphs(run, wanted, format_)
        return
    from imp_graphcheck.capture.settings import CaptureSettings
    from imp_graphcheck.cli.inspecting import capture_and_show

    settings = CaptureSettings(
        model=run,
        pp=pp,
        chunk=chunk,
        requests=requests,
        device=device,
        dtype=dtype,
        seed=seed,
        output=output,
        fault=fault,
        fail_on=fail_on,
        timeout=timeout,
        until="inspect",
        command=("imp-graphcheck", *sys.argv[1:]),
    )
    raise typer.Exit(capture_and_show(settings, wanted, format_, quiet=quiet))
