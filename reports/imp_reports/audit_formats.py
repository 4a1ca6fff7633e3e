"""The file formats of an audit.

data = rendered_audit(audit, "sarif", Rendering(rules=RULES, roots=(Path.cwd(),)))
"""

from typing import Literal, get_args

from imp_graphcheck.record.audit import Audit
from imp_graphcheck.record.audit_store import encode_audit
from imp_reports.formats import Rendering

AuditFormat = Literal["html", "json", "csv", "parquet", "sarif", "md"]
AUDIT_FORMATS: tuple[AuditFormat, ...] = get_args(AuditFormat)

AUDIT_SUFFIXES: dict[AuditFormat, str] = {
    "html": ".html",
    "json": ".json",
    "csv": "-sites.csv",
    "parquet": "-sites.parquet",
    "sarif": ".sarif",
    "md": ".md",
}
"""How the name of a file ends. A table says which one it is."""


def rendered_audit(audit: Audit, name: AuditFormat, rendering: Rendering) -> bytes:
    """`audit` as a file."""
    match name:
        case "html":
            from imp_reports.page import render_audit
            from imp_reports.page.excerpts import Sources

            sources = Sources(rendering.roots, audit.started_at)
            return render_audit(
                audit, titles=rendering.titles, roots=rendering.roots, sources=sources
            ).encode()
        case "json":
            return encode_audit(audit)
        case "csv":
            from imp_reports.audit_table import audit_csv

            return audit_csv(audit)
        case "parquet":
            from imp_reports.audit_table import audit_parquet

            return audit_parquet(audit)
        case "sarif":
            from imp_reports.audit_sarif import audit_sarif

            return audit_sarif(audit, rules=rendering.rules, roots=rendering.roots)
        case "md":
            from imp_reports.audit_markdown import audit_markdown

            return audit_markdown(audit).encode()
