"""Documents of older versions, step by step, in the shape of the present one."""

from collections.abc import Callable
from typing import Any

Document = dict[str, Any]


class MalformedDocumentError(ValueError):
    """A document that says it is of an older version, and is not."""


def upgraded(document: Document) -> Document:
    """`document` with every step applied that it has not seen yet. Raises MalformedDocumentError."""
    version = document["schema_version"]
    try:
        while document["schema_version"] in _STEPS:
            document = _STEPS[document["schema_version"]](document)
    except (AttributeError, KeyError, TypeError) as error:
        raise MalformedDocumentError(f"a document of version {version} looks otherwise") from error
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
