"""`imp-graphcheck bisect`."""

import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from imp_graphcheck.cli.capture import CaptureMode, Device, DType
from imp_graphcheck.cli.latest_options import latest_options
from imp_graphcheck.cli.output import Format, print_document, print_rendered
from imp_graphcheck.cli.progress import stage_progress
from imp_graphcheck.errors import UsageError
from imp_graphcheck.exit_codes import ExitCode
from imp_graphcheck.record.bisection import BisectionStatus, encode_bisection, load_bisection

_EXIT: dict[BisectionStatus, ExitCode] = {
    "found": ExitCode.FINDINGS,
    "nothing found": ExitCode.CLEAN,
    "inconclusive": ExitCode.INCONCLUSIVE,
    "interrupted": ExitCode.INTERRUPTED,
    "running": ExitCode.INTERNAL,
}


def bisect(
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL",
            help="What capture takes. Without it, the target and options of the latest run.",
        ),
    ] = None,
    pp: Annotated[int | None, typer.Option(help="Prompt tokens of the longest request.")] = None,
    tg: Annotated[int | None, typer.Option(help="Tokens to generate after each prompt.")] = None,
    chunk: Annotated[int | None, typer.Option(help="Tokens of one prefill call.")] = None,
    requests: Annotated[int | None, typer.Option(help="Requests, each of another length.")] = None,
    device: Annotated[
        Device | None, typer.Option(help="auto is cuda where there is an NVIDIA GPU, else sim.")
    ] = None,
    dtype: Annotated[
        DType | None, typer.Option(help="Compute in this type instead of the model's own.")
    ] = None,
    capture_mode: Annotated[
        CaptureMode | None, typer.Option(help="Stream capture mode.", envvar="IMP_GRAPH_CAPTURE_MODE")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the prompts and of random weights.")] = None,
    output: Annotated[
        str, typer.Option(help="The bisection is saved in OUTPUT/bisections/ID.")
    ] = ".graphcheck",
    format_: Annotated[Format, typer.Option("--format", help="What stdout carries.")] = "table",
    fault: Annotated[
        str | None, typer.Option(help="Put known mistakes into the engine first: NAME or NAME,NAME.")
    ] = None,
    max_trials: Annotated[int, typer.Option(help="Child processes at most.")] = 12,
    repeat: Annotated[
        int, typer.Option(help="How often to run a target that does not fail again; 0 does not.")
    ] = 10,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Try everything, even when the causes are known.")
    ] = False,
    resume: Annotated[
        Path | None, typer.Option(help="Go on with an interrupted bisection: its directory.")
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(help="Seconds without progress that count as a hang, for each trial.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")] = False,
) -> None:
    """Find the cause of a failing or wrong replay, and prove it.

    Runs MODEL in trials, each in a process of its own: as it is, then with everything kept alive that was allocated at the
    capture, then with other content in what only that keeps alive. Names the line that allocated the memory, the line that
    freed it, and the intervention that proves it.

    The bisection is saved as OUTPUT/bisections/ID/bisection.json, the record of each trial beside it.
    """
    from imp_graphcheck.bisect.launch import run_bisect
    from imp_graphcheck.bisect.settings import BisectSettings
    from imp_graphcheck.capture.settings import CaptureSettings

    given = {
        "model": model,
        "pp": pp,
        "tg": tg,
        "chunk": chunk,
        "requests": requests,
        "device": device,
        "dtype": dtype,
        "capture_mode": capture_mode,
        "seed": seed,
        "fault": fault,
        "timeout": timeout,
    }
    chosen = {name: value for name, value in given.items() if value is not None}
    command = ("imp-graphcheck", *sys.argv[1:])
    if resume is not None:
        base: dict[str, Any] = dict(load_bisection(resume).settings)
        if model is not None:
            raise UsageError("--resume goes on with a target of its own.", hint="leave MODEL out")
    elif model is None:
        base = latest_options(Path(output))
    else:
        base = {}
    known = {field.name for field in fields(CaptureSettings)}
    options = {name: value for name, value in (base | chosen).items() if name in known}
    settings = BisectSettings(
        capture=replace(CaptureSettings(**options), output=output, command=command),
        max_trials=max_trials,
        repeat=repeat,
        keep_going=keep_going,
        resume=resume,
        command=command,
    )
    with stage_progress(quiet=quiet) as on_event:
        found = run_bisect(
            settings,
            on_event=on_event,
            on_trial=lambda number, trial: None if quiet else _announce(number, trial.kind),
        )
    if format_ == "json":
        print_document(encode_bisection(found.bisection))
    else:
        from imp_reports.bisection_text import print_bisection

        print_rendered(lambda console: print_bisection(found.bisection, found.directory, console))
    raise typer.Exit(_EXIT[found.bisection.status])


def _announce(number: int, kind: str) -> None:
    print(f"trial {number}: {kind}", file=sys.stderr, flush=True)  # noqa: T201
