"""What `report` does with its options: which file is written, and what may be in the way."""

import importlib.util
import os
import re
from pathlib import Path

import typer

from imp_graphcheck.cli.output import print_document, print_rendered
from imp_graphcheck.cli.saved_bisection import saved_bisection
from imp_graphcheck.cli.saved_run import file_of, saved_run
from imp_graphcheck.errors import UsageError
from imp_graphcheck.record.run import Run
from imp_graphcheck.rules import RULES
from imp_reports.bisection_formats import rendered_bisection
from imp_reports.formats import SUFFIXES, TABULAR, FileFormat, Rendering, rendered
from imp_reports.tables import TableName

STDOUT = "-"


def print_table_of(word: str, output: str | None) -> None:
    """The run as `capture` printed it."""
    if output not in (None, STDOUT):
        raise UsageError(
            f"--format table goes to stdout, not to {output}.",
            hint="leave --output out, or choose another format",
        )
    found = saved_bisection(word)
    if found is not None:
        from imp_reports.bisection_text import print_bisection

        print_rendered(lambda console: print_bisection(found.bisection, found.directory, console))
        return
    from imp_reports.console import print_run

    run, path = saved_run(word)
    print_rendered(lambda console: print_run(run, file_of(path).parent, console))


def write_report(
    word: str,
    format_: FileFormat,
    output: str | None,
    *,
    table: TableName,
    roots: tuple[Path, ...],
    force: bool,
) -> None:
    """Render the run and write it to `output`, or to the name that follows from the run and the format."""
    if format_ == "parquet" and importlib.util.find_spec("pyarrow") is None:
        raise UsageError(
            "--format parquet needs pyarrow, which is not installed.",
            hint="pip install 'imp-graphcheck[parquet]', or use --format csv",
        )
    saved = saved_bisection(word) or saved_run(word)[0]
    id_ = saved.id if isinstance(saved, Run) else saved.bisection.id
    target = None if output == STDOUT else Path(output or _derived(id_, format_, table))
    if target is not None and not force and target.exists():
        raise UsageError(
            f"{target} exists already.", hint="add --force to overwrite it, or name another --output"
        )
    rendering = Rendering(rules=RULES, roots=roots, table=table)
    if isinstance(saved, Run):
        data = rendered(saved, format_, rendering)
    else:
        data = rendered_bisection(
            saved.bisection, format_, rendering, directory=saved.directory, first=saved.first_run()
        )
    if target is None:
        print_document(data)
        return
    _write(target, data)
    typer.echo(target)


def _derived(id_: str, format_: FileFormat, table: TableName) -> str:
    """`graphcheck-ID.html`. The document may come from somebody else: its id names no other folder."""
    name = re.sub(r"[^\w.-]", "_", id_)
    return f"graphcheck-{name}{f'-{table}' if format_ in TABULAR else ''}{SUFFIXES[format_]}"


def _write(target: Path, data: bytes) -> None:
    """Whole or not at all."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        temporary.write_bytes(data)
        temporary.replace(target)
    except OSError as error:
        if temporary.exists():
            temporary.unlink()
        raise UsageError(
            f"{target} cannot be written: {error.strerror or error}.", hint="name another file with --output"
        ) from error
