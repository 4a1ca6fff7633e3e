"""A run as one HTML file that needs nothing else: no network, no fonts, no libraries.

    Path("report.html").write_text(render_page(run, titles={}, sources=Sources((Path.cwd(),), run.started_at)))

Data flow: the record becomes small views (`memory_map`, `charts`, `census`, `excerpts`), and templates write them out.
Every number of the record goes through `facts`, which leaves its place in the JSON document beside it.
"""

from collections.abc import Mapping

from imp_graphcheck.record.run import Run
from imp_reports.page.excerpts import Sources


def render_page(run: Run, *, titles: Mapping[str, str], sources: Sources) -> str:
    """The page of `run`. `titles` says what each rule is called."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    from imp_reports.page.facts import shown
    from imp_reports.page.view import view_of

    environment = Environment(
        loader=PackageLoader("imp_reports"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2").render(view_of(run, titles=titles, sources=sources))
