"""A finding on a page: with the source lines that it names, and with what the catalogue calls it."""

from dataclasses import dataclass

from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.site import Site
from imp_reports.page.excerpts import Excerpt, Sources
from imp_reports.sites import sites_of
from imp_reports.text import place


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteView:
    """A site of a finding. `word` is what happened there."""

    word: str
    site: Site
    where: str
    excerpt: Excerpt


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingView:
    """A finding with what the catalogue and the sources say of it. `position` is its place in the record.

    `graph` is the name of its graph on this page, if it is there; `arguments` are those of the node that it names.
    """

    position: int
    finding: Finding
    title: str
    sites: tuple[SiteView, ...]
    graph: str | None = None
    arguments: tuple[str, ...] = ()


def site_views(finding: Finding, sources: Sources) -> tuple[SiteView, ...]:
    """The lines that `finding` names, with the source around each."""
    return tuple(
        SiteView(word=word, site=site, where=place(site), excerpt=sources.around(site))
        for word, site in sites_of(finding)
    )
