"""Errors, as the user meets them: one sentence on stderr, and the details in a file."""

import os
import sys
import tempfile
import traceback
from pathlib import Path

from imp_graphcheck.child.failure import ChildError
from imp_graphcheck.errors import UsageError

TRACEBACK_VARIABLE = "IMP_GRAPHCHECK_TRACEBACK"
REPORT_FILE = "traceback.txt"


def report_usage_error(error: UsageError) -> None:
    """`error: ...` and `hint: ...`."""
    _say(f"error: {error.message}")
    if error.hint:
        _say(f"hint: {error.hint}")


def report_child_error(error: ChildError) -> None:
    """The child's failure, the last it printed, and where what it reported was saved."""
    _report(error.message, error.report, error.directory)
    if error.log_tail:
        _say("the last lines that it printed:")
    for line in error.log_tail:
        _say(f"    {line}")


def report_no_room(error: OSError) -> None:
    """A full disk is nobody's mistake."""
    place = f"{error.filename}: " if error.filename else ""
    _say(f"error: {place}{error.strerror}; what was saved before is whole.")
    _say("hint: make room, or name another place with --output")


def report_bug(error: Exception) -> None:
    """An exception that no one expected."""
    reason = traceback.format_exception_only(error)[-1].strip()
    _report(f"imp-graphcheck itself failed: {reason}", "".join(traceback.format_exception(error)), None)


def _report(message: str, report: str, directory: Path | None) -> None:
    _say(f"error: {message.rstrip('.')}.")
    if not report:
        return
    if os.environ.get(TRACEBACK_VARIABLE):
        _say(report)
    try:
        _say(f"details: {_save(report, directory)}")
    except OSError as error:
        _say(f"details, which could not be saved ({error.strerror}):\n{report}")


def _save(report: str, directory: Path | None) -> Path:
    if directory is not None:
        path = directory / REPORT_FILE
        path.write_text(report, encoding="utf-8")
        return path
    fd, name = tempfile.mkstemp(prefix="imp-graphcheck-", suffix=".txt")
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        file.write(report)
    return Path(name)


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
