"""The target of a command that names none: that of the latest run, with its options."""

from dataclasses import fields
from pathlib import Path
from typing import Any

from imp_graphcheck.errors import UsageError
from imp_graphcheck.record.store import LATEST, load_run


def latest_options(output: Path) -> dict[str, Any]:
    """The options of the latest run, read from its command line as `capture` itself reads it, as CaptureSettings has them.

    Raises UsageError where there is no run, or none of `capture`.
    """
    import typer
    from typer.main import get_command

    from imp_graphcheck.capture.settings import CaptureSettings
    from imp_graphcheck.cli.capture import capture

    latest = output / "runs" / LATEST
    if not latest.exists():
        raise UsageError(
            f"there is no MODEL, and no run in {output / 'runs'} to take it from.",
            hint="name a MODEL, or run imp-graphcheck capture MODEL first",
        )
    words = list(load_run(latest).command)
    if words[1:2] != ["capture"]:
        raise UsageError(f"the latest run in {output / 'runs'} was not made by capture.", hint="name a MODEL")
    reader = typer.Typer()
    reader.command()(capture)
    context = get_command(reader).make_context("capture", words[2:])
    known = {field.name for field in fields(CaptureSettings)}
    return {name: value for name, value in context.params.items() if name in known}
