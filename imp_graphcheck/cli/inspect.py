"""`imp-graphcheck inspect`."""

from typing import Annotated, Literal

import typer

from imp_graphcheck.cli.saved_run import RUN_HELP

InspectFormat = Literal["table", "json", "dot"]


def inspect(
    run: Annotated[str, typer.Argument(metavar="RUN", help=RUN_HELP)],
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
) -> None:
    """Show what a captured graph points at.

    Nodes are grouped by operator and launching line, with the names of the memory that they read and write. A filter
    that leaves a handful shows each node with every argument: who owns it, which line allocated it, what became of it.
    """
    from imp_graphcheck.cli.inspecting import Wanted, show_graphs

    show_graphs(
        run,
        Wanted(graph=graph, node=node, kernel=kernel, op=op, pointer=pointer, dead=dead, limit=limit),
        format_,
    )
