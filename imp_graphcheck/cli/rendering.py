"""What `report` does with its options: which file is written, and what may be in the way."""

import importlib.util
import os
import re
from pathlib import Path

import typer

from imp_graphcheck.cli.output import print_document, print_rendered
from imp_graphcheck.cli.saved_audit import SavedAudit, saved_audit
from imp_graphcheck.cli.saved_bisection import SavedBisection, saved_bisection
from imp_graphcheck.cli.saved_run import file_of, saved_run
from imp_graphcheck.errors import UsageError
from imp_graphcheck.record.audit import Audit
from imp_graphcheck.record.bisection import Bisection
from imp_graphcheck.record.run import Run
from imp_graphcheck.rules import RULES
from imp_reports.audit_formats import AUDIT_SUFFIXES, AuditFormat, rendered_audit
from imp_reports.bisection_formats import rendered_bisection
from imp_reports.formats import SUFFIXES, TABULAR, FileFormat, Rendering, rendered
from imp_reports.tables import TableName

STDOUT = "-"


def print_table_of(word: str, output: str | None, *, everything: bool) -> None:
    """The run as `capture` printed it, and the audit as `audit-syncs` did. With `everything`, all sites of the audit."""
    if output not in (None, STDOUT):
        raise UsageError(
            f"--format table goes to stdout, not to {output}.",
            hint="leave --output out, or choose another format",
        )
    audited = saved_audit(word)
    if audited is not None:
        from imp_reports.audit_text import print_audit

        print_rendered(
            lambda console: print_audit(audited.audit, audited.directory, console, everything=everything)
        )
        return
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
    saved = saved_audit(word) or saved_bisection(word) or saved_run(word)[0]
    name = _derived(saved, format_, table)
    target = None if output == STDOUT else Path(output or name)
    if target is not None and not force and target.exists():
        raise UsageError(
            f"{target} exists already.", hint="add --force to overwrite it, or name another --output"
        )
    data = _rendered(saved, format_, Rendering(rules=RULES, roots=roots, table=table))
    if target is None:
        print_document(data)
        return
    _write(target, data)
    typer.echo(target)


def _rendered(saved: Run | SavedBisection | SavedAudit, format_: FileFormat, rendering: Rendering) -> bytes:
    match saved:
        case Run():
            return rendered(saved, format_, rendering)
        case SavedBisection(bisection=bisection, directory=directory):
            return rendered_bisection(
                bisection, format_, rendering, directory=directory, first=saved.first_run()
            )
        case SavedAudit(audit=audit):
            return rendered_audit(audit, _of_an_audit(format_), rendering)


def _of_an_audit(format_: FileFormat) -> AuditFormat:
    if format_ == "junit":
        raise UsageError(
            "--format junit is for runs and bisections: an audit has no test cases.",
            hint="use --format sarif for code hosts, or --format csv for scripts",
        )
    return format_


def _derived(saved: Run | SavedBisection | SavedAudit, format_: FileFormat, table: TableName) -> str:
    """`graphcheck-ID.html`. The document may come from somebody else: its id names no other folder."""
    match saved:
        case Run(id=id_) | SavedBisection(bisection=Bisection(id=id_)):
            suffix = f"{f'-{table}' if format_ in TABULAR else ''}{SUFFIXES[format_]}"
        case SavedAudit(audit=Audit(id=id_)):
            suffix = AUDIT_SUFFIXES[_of_an_audit(format_)]
    name = re.sub(r"[^\w.-]", "_", id_)
    return f"graphcheck-{name}{suffix}"


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
