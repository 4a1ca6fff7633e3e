"""The sites of an audit as one flat table, for spreadsheets, notebooks and `cut`."""

from io import BytesIO
from typing import Any

from imp_graphcheck.record.audit import Audit, AuditSite
from imp_reports.audit_words import chain, modes, phases
from imp_reports.csv_file import csv_of
from imp_reports.tables import Frame, frame
from imp_reports.text import visible

COLUMNS: dict[str, str] = {
    "file": "string",
    "line": "Int64",
    "function": "string",
    "api": "string",
    "class": "string",
    "reachable": "string",
    "guard": "string",
    "verdict": "string",
    "chain": "string",
    "count": "Int64",
    "bytes": "Int64",
    "phase": "string",
    "code": "string",
    "reason": "string",
    "fix": "string",
    "modes": "string",
    "host": "string",
    "streams": "string",
    "threads": "string",
    "origin": "string",
    "notes": "string",
    "text": "string",
    "new": "boolean",
}
"""Names and types. The first eleven are what other tools may rely on; later versions add at the end."""


def audit_table(audit: Audit) -> Frame:
    """One row for each site, reached or not."""
    return frame(COLUMNS, (_row(site) for site in audit.sites))


def audit_csv(audit: Audit) -> bytes:
    """The table as CSV, one line for each site: line breaks in the words of a source are spelt out."""
    rows = (
        {name: visible(value) if isinstance(value, str) else value for name, value in _row(site).items()}
        for site in audit.sites
    )
    return csv_of(frame(COLUMNS, rows))


def audit_parquet(audit: Audit) -> bytes:
    """The table as Parquet."""
    file = BytesIO()
    audit_table(audit).to_parquet(file, index=False)
    return file.getvalue()


def _row(site: AuditSite) -> dict[str, Any]:
    return {
        "file": site.file,
        "line": site.line,
        "function": site.function,
        "api": site.api,
        "class": site.kind,
        "reachable": site.reachable,
        "guard": site.guard,
        "verdict": site.fate,
        "chain": chain(site),
        "count": site.count,
        "bytes": site.bytes_total,
        "phase": phases(site),
        "code": site.code,
        "reason": site.reason,
        "fix": site.remedy,
        "modes": modes(site),
        "host": site.host,
        "streams": " ".join(site.streams),
        "threads": ", ".join(site.threads),
        "origin": " ".join(site.origins),
        "notes": "; ".join(site.notes),
        "text": site.text,
        "new": site.is_new,
    }
