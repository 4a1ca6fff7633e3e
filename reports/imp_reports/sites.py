"""The lines that a finding names, in the order in which they happened."""

from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.site import Site


def sites_of(finding: Finding) -> tuple[tuple[str, Site], ...]:
    """The sites that are known, each after the word for what happened there."""
    named = (
        ("allocated", finding.allocation_site),
        ("freed", finding.free_site),
        ("launched", finding.launch_site),
    )
    return tuple((word, site) for word, site in named if site is not None)
