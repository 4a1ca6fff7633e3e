"""The file formats of a bisection.

data = rendered_bisection(bisection, "html", Rendering(rules=RULES, roots=(Path.cwd(),)), directory=folder, first=run)
"""

from pathlib import Path

from imp_graphcheck.record.bisection import Bisection, encode_bisection
from imp_graphcheck.record.run import Run
from imp_reports.bisection_run import as_run
from imp_reports.formats import FileFormat, Rendering, rendered


def rendered_bisection(
    bisection: Bisection, name: FileFormat, rendering: Rendering, *, directory: Path, first: Run | None
) -> bytes:
    """`bisection`, which is saved in `directory`, as a file. `first` is the record of its first trial, if it is there."""
    match name:
        case "html":
            from imp_reports.page import render_bisection
            from imp_reports.page.excerpts import Sources

            return render_bisection(
                bisection,
                directory,
                first=first,
                titles=rendering.titles,
                sources=Sources(rendering.roots, bisection.started_at),
            ).encode()
        case "json":
            return encode_bisection(bisection)
        case "md":
            from imp_reports.bisection_markdown import bisection_markdown

            return bisection_markdown(bisection).encode()
    return rendered(as_run(bisection), name, rendering)
