"""A record as one HTML file that needs nothing else: no network, no fonts, no libraries.

    Path("report.html").write_text(render_page(run, titles={}, sources=Sources((Path.cwd(),), run.started_at)))

Data flow: the record becomes small views (`memory_map`, `charts`, `census`, `excerpts`), and templates write them out.
Every number of the record goes through `facts`, which leaves its place in the JSON document beside it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from imp_graphcheck.record.audit import Audit
from imp_graphcheck.record.bisection import Bisection
from imp_graphcheck.record.run import Run
from imp_reports.page.excerpts import Sources


def render_page(run: Run, *, titles: Mapping[str, str], sources: Sources) -> str:
    """The page of `run`. `titles` says what each rule is called."""
    from imp_reports.page.view import view_of

    return _written("page.html.j2", view_of(run, titles=titles, sources=sources))


def render_bisection(
    bisection: Bisection, directory: Path, *, first: Run | None, titles: Mapping[str, str], sources: Sources
) -> str:
    """The page of `bisection`, which is saved in `directory`. `first` is the record of its first trial, if it is there."""
    from imp_reports.page.bisection_view import bisection_view

    view = bisection_view(bisection, directory, first=first, titles=titles, sources=sources)
    return _written("bisection.html.j2", view)


def render_audit(audit: Audit, *, titles: Mapping[str, str], roots: Sequence[Path], sources: Sources) -> str:
    """The page of `audit`. `roots` are the folders that `sources` reads."""
    from imp_reports.page.audit_view import audit_view

    return _written("audit.html.j2", audit_view(audit, titles=titles, roots=roots, sources=sources))


def _written(template: str, view: Mapping[str, Any]) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    from imp_reports.page.facts import shown

    environment = Environment(
        loader=PackageLoader("imp_reports"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(view)
