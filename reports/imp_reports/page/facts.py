"""Numbers of the record in a page, each with its place in the JSON document beside it, so that the two can be compared.

Facts(run)("/stages/0/seconds", "{:.2f}".format)
# <data value="1.5" data-run="/stages/0/seconds">1.50</data>
"""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import msgspec
from markupsafe import Markup

from imp_graphcheck.record.audit import Audit
from imp_graphcheck.record.bisection import Bisection
from imp_graphcheck.record.run import Run
from imp_reports.text import NOT_MEASURED, visible


class Facts:
    """Looks numbers up by JSON pointer (RFC 6901). In the page a pointer is percent-encoded, as in a URI fragment: the
    names in it are those of the program under test."""

    def __init__(self, record: Run | Bisection | Audit) -> None:
        # By way of JSON, which has no NaN and no infinity: what the page says must be what the document says.
        self._document: Any = msgspec.json.decode(msgspec.json.encode(record))

    def __call__(self, pointer: str, show: Callable[[Any], str] = str) -> Markup:
        """The value at `pointer`, written by `show`."""
        value = resolved(self._document, pointer)
        text = NOT_MEASURED if value is None else visible(show(value))
        return Markup('<data value="{}" data-run="{}">{}</data>').format(
            json.dumps(value), _encoded(pointer), text
        )

    def count(self, pointer: str) -> Markup:
        """How many elements there are at `pointer`."""
        number = len(resolved(self._document, pointer))
        return Markup('<data value="{0}" data-count="{1}">{0}</data>').format(number, _encoded(pointer))


def resolved(document: Any, pointer: str) -> Any:
    """The part of a JSON document that `pointer` names. Raises LookupError."""
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        document = document[int(name)] if isinstance(document, list | tuple) else document[name]
    return document


def _encoded(pointer: str) -> str:
    return quote(pointer, safe="/~")


def step(name: str) -> str:
    """A name as one step of a pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def shown(value: Any) -> Any:
    """What a template writes for `value`: text of the program under test without invisible characters."""
    return visible(value) if type(value) is str else value
