"""The payload, on stdout."""

import os
import sys
from collections.abc import Callable
from io import StringIO
from typing import Literal

from rich.console import Console

Format = Literal["table", "json"]
AuditFormat = Literal["table", "json", "csv", "parquet", "sarif", "html", "md"]

PIPE_WIDTH = 120


def print_document(document: bytes) -> None:
    """Exactly one JSON document."""
    _to_stdout(lambda: _write(document))


def print_rendered(render: Callable[[Console], None]) -> None:
    """Tables. In a pipe they get a fixed width (there is no terminal to ask) and no blanks at the ends of lines."""
    if sys.stdout.isatty():
        _to_stdout(lambda: render(Console()))
        return
    page = StringIO()
    render(Console(file=page, width=None if "COLUMNS" in os.environ else PIPE_WIDTH))
    lines = (line.rstrip() + "\n" for line in page.getvalue().splitlines())
    document = "".join(lines).encode(sys.stdout.encoding, errors="backslashreplace")
    _to_stdout(lambda: _write(document))


def _write(document: bytes) -> None:
    sys.stdout.flush()
    sys.stdout.buffer.write(document)


def _to_stdout(write: Callable[[], None]) -> None:
    """A reader that went away (`| head`) does not change the result of the command."""
    try:
        write()
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes stdout once more when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
