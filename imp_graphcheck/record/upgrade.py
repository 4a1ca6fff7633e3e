"""Documents of older versions, step by step, in the shape of the present one."""

from collections.abc import Callable
from typing import Any

Document = dict[str, Any]


def upgraded(document: Document) -> Document:
    """`document` with every step applied that it has not seen yet."""
    while document["schema_version"] in _STEPS:
        document = _STEPS[document["schema_version"]](document)
    return document


def _to_version_2(document: Document) -> Document:
    """Each node held its launching line; now each line stands once, in `sites` of its graph."""
    for graph in document.get("graphs", ()):
        sites: list[Any] = []
        for node in graph["nodes"]:
            site = node.pop("launch_site", None)
            if site is not None and site not in sites:
                sites.append(site)
            node["launch"] = None if site is None else sites.index(site)
        graph["sites"] = sites
    return {**document, "schema_version": 2, "memory": []}


_STEPS: dict[int, Callable[[Document], Document]] = {1: _to_version_2}
