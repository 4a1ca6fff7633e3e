"""`imp-graphcheck capture`."""

import sys
from typing import Annotated, Literal

import typer

from imp_graphcheck.cli.output import Format, print_document, print_rendered
from imp_graphcheck.cli.progress import stage_progress
from imp_graphcheck.exit_codes import VERDICT_EXIT
from imp_graphcheck.record.finding import Severity

Device = Literal["auto", "cuda", "sim"]
DType = Literal["float32", "bfloat16", "float16"]
CaptureMode = Literal["global", "thread_local", "relaxed"]


def capture(
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="A checkpoint directory, a shape's name, or module:factory."),
    ],
    pp: Annotated[int, typer.Option(help="Prompt tokens of the longest request.")] = 1024,
    tg: Annotated[int, typer.Option(help="Tokens to generate after each prompt.")] = 0,
    chunk: Annotated[int, typer.Option(help="Tokens of one prefill call.")] = 256,
    requests: Annotated[int, typer.Option(help="Requests, each of another length.")] = 3,
    reps: Annotated[int, typer.Option(help="Paired timings of both arms; 0 skips the speed stage.")] = 3,
    device: Annotated[
        Device, typer.Option(help="auto is cuda where there is an NVIDIA GPU, else sim.")
    ] = "auto",
    dtype: Annotated[
        DType | None, typer.Option(help="Compute in this type instead of the model's own.")
    ] = None,
    capture_mode: Annotated[
        CaptureMode, typer.Option(help="Stream capture mode.", envvar="IMP_GRAPH_CAPTURE_MODE")
    ] = "global",
    seed: Annotated[int, typer.Option(help="Seed of the prompts and of random weights.")] = 0,
    output: Annotated[str, typer.Option(help="The run is saved in OUTPUT/runs/ID.")] = ".graphcheck",
    format_: Annotated[Format, typer.Option("--format", help="What stdout carries.")] = "table",
    fault: Annotated[
        str | None, typer.Option(help="Put known mistakes into the engine first: NAME or NAME,NAME.")
    ] = None,
    probe: Annotated[
        str,
        typer.Option(
            help="Interventions after the comparison: all, or NAME,NAME of delay, padding, first-use."
        ),
    ] = "",
    fail_on: Annotated[
        Severity, typer.Option(help="The mildest finding that makes the exit code 1.")
    ] = "error",
    timeout: Annotated[float, typer.Option(help="Seconds without progress that count as a hang.")] = 600.0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")] = False,
) -> None:
    """Compare eager and captured prefill.

    Runs the prefill of MODEL eagerly and from captured CUDA graphs, compares them, and says what held.

    The run is saved as OUTPUT/runs/ID/run.json; OUTPUT/runs/latest names the newest.
    """
    from imp_graphcheck.capture.launch import run_capture
    from imp_graphcheck.capture.settings import CaptureSettings
    from imp_graphcheck.record.store import encode_run

    settings = CaptureSettings(
        model=model,
        pp=pp,
        tg=tg,
        chunk=chunk,
        requests=requests,
        reps=reps,
        device=device,
        dtype=dtype,
        capture_mode=capture_mode,
        seed=seed,
        output=output,
        fault=fault,
        probe=probe,
        fail_on=fail_on,
        timeout=timeout,
        command=("imp-graphcheck", *sys.argv[1:]),
    )
    with stage_progress(quiet=quiet) as on_event:
        captured = run_capture(settings, on_event=on_event)
    if format_ == "json":
        print_document(encode_run(captured.run))
    else:
        from imp_reports.console import print_run

        print_rendered(lambda console: print_run(captured.run, captured.directory, console))
    raise typer.Exit(VERDICT_EXIT[captured.run.verdict])
