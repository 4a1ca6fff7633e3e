"""`imp-graphcheck audit-syncs`."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from imp_graphcheck.cli.behind_dashes import program_of
from imp_graphcheck.cli.capture import CaptureMode, Device, DType
from imp_graphcheck.cli.output import AuditFormat
from imp_graphcheck.record.finding import Severity

Language = Literal["cpp", "python"]


def audit_syncs(
    context: typer.Context,
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL",
            help="What capture takes. Without it, without --source and without a PROGRAM: the target of the latest run.",
        ),
    ] = None,
    source: Annotated[
        Path | None, typer.Option(help="A folder of C++, CUDA or Python, to be read.", metavar="DIR")
    ] = None,
    entry: Annotated[
        list[str] | None,
        typer.Option(
            help="A function that runs while a stream is captured: NAME, Class::NAME, FILE:NAME. May be repeated.",
            metavar="NAME",
        ),
    ] = None,
    lang: Annotated[
        Language | None, typer.Option(help="What the folder is written in; default: most of it.")
    ] = None,
    prewarm: Annotated[
        list[str] | None,
        typer.Option(
            help="A function that runs before the first capture; default: guessed by name. May be repeated.",
            metavar="NAME",
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
    fault: Annotated[
        str | None, typer.Option(help="Put known mistakes into the engine first: NAME or NAME,NAME.")
    ] = None,
    cold: Annotated[
        bool,
        typer.Option(
            "--cold/--no-cold", help="Run the first calls in a fresh process too: what a warm one hides."
        ),
    ] = True,
    output: Annotated[str, typer.Option(help="The audit is saved in OUTPUT/audits/ID.")] = ".graphcheck",
    format_: Annotated[AuditFormat, typer.Option("--format", help="What stdout carries.")] = "table",
    everything: Annotated[
        bool, typer.Option("--all", help="List harmless sites too, and cut no table.")
    ] = False,
    baseline: Annotated[
        Path | None, typer.Option(help="Sites that are known: only others make the exit code 1.")
    ] = None,
    write_baseline: Annotated[Path | None, typer.Option(help="Write what was found as a baseline.")] = None,
    fail_on: Annotated[Severity, typer.Option(help="The mildest site that makes the exit code 1.")] = "error",
    timeout: Annotated[
        float | None, typer.Option(help="Seconds without progress that count as a hang, for MODEL.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")] = False,
) -> None:
    """List every copy, wait, allocation and first use in the captured region.

    \b
    Three ways, alone or with --source beside another:
      audit-syncs MODEL                       run it, eagerly and captured, under a trace of its calls
      audit-syncs --source DIR --entry NAME   read its source, and run nothing
      audit-syncs -- PROGRAM ITS OPTIONS      run any CUDA program as it is, with a library injected
    Each site has its line, its count, what becomes of it in a capture, and what to do about it. What a PROGRAM prints
    goes to stderr. The audit is saved as OUTPUT/audits/ID/audit.json.
    """
    from imp_graphcheck.audit.reading import SourceSettings
    from imp_graphcheck.cli.auditing import Wanted, audited, check_format, exit_code, print_audited

    command = ("imp-graphcheck", *sys.argv[1:])
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
    read = None
    if source is not None or entry or lang or prewarm:
        read = SourceSettings(
            directory=source or Path(),
            entries=tuple(entry or ()),
            language=lang,
            prewarm=tuple(prewarm or ()),
        )
    wanted = Wanted(
        options={name: value for name, value in given.items() if value is not None},
        program=program_of(context),
        source=read,
        has_source=source is not None,
        cold=cold,
        output=output,
        command=command,
        baseline=baseline,
        write_baseline=write_baseline,
    )
    check_format(format_)
    found = audited(wanted, quiet=quiet)
    print_audited(found, format_, everything=everything)
    raise typer.Exit(exit_code(found.audit, fail_on))
