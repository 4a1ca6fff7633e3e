"""Numbers and rows, as every page writes them."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from imp_graphcheck.record.site import Site

NOT_MEASURED = "-"

MAX_ROWS = 20
"""Rows of one table before the reader is sent to the JSON document."""

_INVISIBLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
"""Controls, marks that turn the direction of text, and what no encoding or no XML has: names and messages come from the
program under test, and must neither move the cursor of a terminal nor show another text than they hold."""


def visible(text: str) -> str:
    """`text` on one line, with what has no picture spelt out."""
    return _INVISIBLE.sub(lambda match: match.group().encode("unicode_escape").decode(), text)


def number(value: float | None) -> str:
    """A magnitude that may be tiny: two digits and an exponent, except for zero."""
    if value is None:
        return NOT_MEASURED
    return "0" if value == 0 else f"{value:.1e}"


def share(value: float | None) -> str:
    """A fraction as a percentage. 100% is said only when nothing is missing."""
    if value is None:
        return NOT_MEASURED
    text = f"{100 * value:.1f}%"
    return "100%" if value == 1 else text if text != "100.0%" else "99.9%"


def seconds(value: float) -> str:
    """A duration in the unit that suits it."""
    if value < 0.001:
        return f"{value * 1e6:.0f} us"
    return f"{value * 1e3:.1f} ms" if value < 1 else f"{value:.2f} s"


def count(n: int, noun: str, plural: str | None = None) -> str:
    """`1 graph`, `2 graphs`."""
    return f"{n} {noun if n == 1 else plural or noun + 's'}"


def size(value: int | None) -> str:
    """Bytes in the unit that suits them."""
    if value is None:
        return NOT_MEASURED
    for unit, factor in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if value >= factor:
            return f"{value / factor:.1f} {unit}"
    return count(value, "byte")


def mebibytes(value: int | None) -> str:
    """Bytes as MiB."""
    return NOT_MEASURED if value is None else f"{value / 2**20:.1f}"


def place(site: Site) -> str:
    """`file:line`, the file relative to the working directory if it lies below it."""
    return f"{Path(site.file).relative_to(Path.cwd()) if _is_below(site.file) else site.file}:{site.line}"


def _is_below(file: str) -> bool:
    return Path(file).is_relative_to(Path.cwd())


def print_line(console: Console, *parts: str | tuple[str, str]) -> None:
    """One line of text, or (text, style) pairs. In a pipe it stays one line, so that it can be searched."""
    shown = (visible(part) if isinstance(part, str) else (visible(part[0]), part[1]) for part in parts)
    console.print(Text.assemble(*shown), soft_wrap=not console.is_terminal, highlight=False)


def print_to_copy(console: Console, line: str) -> None:
    """A path or a command. Never broken by us: what the terminal wraps can still be selected as one line."""
    console.print(Text(visible(line)), soft_wrap=True, highlight=False)


def print_title(console: Console, title: str) -> None:
    """The heading of a section, after an empty line."""
    console.print()
    print_line(console, (title, "bold"))


def print_table(
    console: Console, header: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[str] = ()
) -> None:
    """A table without rules: it reads the same on a terminal, in a pipe and in an issue.

    The columns named in `right` hold numbers. No cell is ever cut: a long one continues on the next line.
    """
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in header:
        numeric = name in right
        table.add_column(Text(name), justify="right" if numeric else "left", overflow="fold", no_wrap=numeric)
    for row in rows:
        table.add_row(*(Text(visible(cell)) for cell in row))
    console.print(table, highlight=False)


def print_left_out(total: int, noun: str, console: Console) -> None:
    """Under a table that was cut: how much of it, and where the rest is."""
    if total > MAX_ROWS:
        print_line(console, (f"and {count(total - MAX_ROWS, noun)} more; all are in run.json", "dim"))
