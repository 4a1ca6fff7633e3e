"""A run as one JSON document, each field on a line of its own."""

import msgspec
from msgspec.structs import fields

from imp_graphcheck.record.run import Run


class Encoder:
    """Encodes a run that grows: a field that is the same object as the last time is not encoded again.

    Nearly all of a document is its graphs and their memory, which come once; nearly all changes are elsewhere.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[object, bytes]] = {}

    def encode(self, run: Run) -> bytes:
        """The document, ending in a newline."""
        lines = [b'"%b":%b' % (field.name.encode(), self._value(run, field.name)) for field in fields(run)]
        return b"{\n" + b",\n".join(lines) + b"\n}\n"

    def _value(self, run: Run, name: str) -> bytes:
        value = getattr(run, name)
        known = self._known.get(name)
        if known is None or known[0] is not value:
            known = self._known[name] = (value, msgspec.json.encode(value))
        return known[1]
