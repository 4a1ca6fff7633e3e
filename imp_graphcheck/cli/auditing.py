"""What `audit-syncs` does with its options: which of the three ways, one after the other, and what is printed."""

import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imp_graphcheck.audit.judged import fails, with_baseline, with_source
from imp_graphcheck.audit.launch import Audited, run_audit
from imp_graphcheck.audit.process import ProcessSettings, audit_program
from imp_graphcheck.audit.reading import SourceSettings, audit_source, read_source
from imp_graphcheck.audit.settings import AuditSettings
from imp_graphcheck.child.listener import OnEvent
from imp_graphcheck.cli.latest_options import latest_options
from imp_graphcheck.cli.output import AuditFormat, print_document, print_rendered
from imp_graphcheck.cli.progress import stage_progress
from imp_graphcheck.errors import UsageError
from imp_graphcheck.exit_codes import ExitCode
from imp_graphcheck.record.audit import Audit
from imp_graphcheck.record.baseline import baseline_of, load_baseline, save_baseline
from imp_graphcheck.record.finding import Severity
from imp_graphcheck.rules import RULES


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the user asked for. `options` are those of a MODEL that were given; `program` are the words behind `--`."""

    options: Mapping[str, Any]
    program: tuple[str, ...] | None
    source: SourceSettings | None
    has_source: bool
    cold: bool
    output: str
    command: tuple[str, ...]
    baseline: Path | None = None
    write_baseline: Path | None = None


def audited(wanted: Wanted, *, quiet: bool) -> Audited:
    """Make the audit that is wanted, and save it. Raises UsageError before anything is run where that is possible."""
    _check(wanted)
    baseline = None if wanted.baseline is None else load_baseline(wanted.baseline)
    with stage_progress(quiet=quiet) as on_event:
        found = _made(wanted, on_event)
    if baseline is not None and wanted.baseline is not None:
        found = with_baseline(found, baseline, wanted.baseline)
    if wanted.write_baseline is not None:
        save_baseline(baseline_of(found.audit.sites), wanted.write_baseline)
    return found


def _check(wanted: Wanted) -> None:
    """Options that say nothing together."""
    if wanted.source is not None and not wanted.has_source:
        raise UsageError(
            "--entry, --lang and --prewarm are about source that is read.",
            hint="name its folder with --source DIR",
        )
    if wanted.program is None:
        return
    if not wanted.program:
        raise UsageError(
            "there is no program behind --.", hint="imp-graphcheck audit-syncs -- ./engine --its --flags"
        )
    if "model" in wanted.options:
        raise UsageError(
            f"{wanted.options['model']} and the program {wanted.program[0]} are two targets.",
            hint="audit one of them at a time",
        )
    if wanted.options:
        option = next(iter(wanted.options)).replace("_", "-")
        raise UsageError(
            f"--{option} is for a MODEL, and {wanted.program[0]} is a program.",
            hint="leave it out, or put the program's own options behind its name",
        )


def _made(wanted: Wanted, on_event: OnEvent) -> Audited:
    output = Path(wanted.output)
    if wanted.source is not None and wanted.program is None and "model" not in wanted.options:
        return audit_source(wanted.source, output, wanted.command, on_event)
    read = None if wanted.source is None else read_source(wanted.source, on_event)
    if wanted.program is not None:
        directory = None if wanted.source is None else wanted.source.directory
        settings = ProcessSettings(
            program=wanted.program, output=output, source=directory, command=wanted.command
        )
        found = audit_program(settings, on_event)
    else:
        base = {} if "model" in wanted.options else latest_options(output)
        options = {**base, **wanted.options, "output": wanted.output, "command": wanted.command}
        found = run_audit(AuditSettings(**options, cold=wanted.cold), on_event=on_event)
    return found if read is None else with_source(found, read)


def print_audited(found: Audited, format_: AuditFormat, *, everything: bool) -> None:
    """The audit on stdout."""
    if format_ == "table":
        from imp_reports.audit_text import print_audit

        print_rendered(
            lambda console: print_audit(found.audit, found.directory, console, everything=everything)
        )
        return
    from imp_reports.audit_formats import rendered_audit
    from imp_reports.formats import Rendering

    tree = found.audit.source
    roots = (Path.cwd(), *([Path(tree.directory).absolute()] if tree is not None else []))
    print_document(rendered_audit(found.audit, format_, Rendering(rules=RULES, roots=roots)))


def exit_code(audit: Audit, fail_on: Severity) -> ExitCode:
    """Findings first: they stand whatever happened afterwards. An audit that is not whole proves nothing."""
    if fails(audit, fail_on):
        return ExitCode.FINDINGS
    if audit.status == "complete":
        return ExitCode.CLEAN
    return ExitCode.INTERRUPTED if audit.status_reason.startswith("interrupted") else ExitCode.INCONCLUSIVE


def check_format(format_: AuditFormat) -> None:
    """Raises UsageError for what stdout, or this machine, cannot take, before anything is run for it."""
    if format_ != "parquet":
        return
    if importlib.util.find_spec("pyarrow") is None:
        raise UsageError(
            "--format parquet needs pyarrow, which is not installed.",
            hint="pip install 'imp-graphcheck[parquet]', or use --format csv",
        )
    if sys.stdout.isatty():
        raise UsageError("--format parquet is no text.", hint="send it to a file: > sites.parquet")
