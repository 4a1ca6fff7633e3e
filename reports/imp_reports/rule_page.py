"""A page of the catalogue on a terminal, and the list of all rules."""

from collections.abc import Sequence

from rich.console import Console
from rich.markdown import Markdown

from imp_reports.text import print_line, print_table


def print_page(text: str, console: Console) -> None:
    """Markdown, set for a terminal; in a pipe it stays as it was written."""
    if console.is_terminal:
        console.print(Markdown(text, code_theme="ansi_dark"))
    else:
        console.print(text, markup=False, highlight=False, soft_wrap=True, end="")


def print_rules(rules: Sequence[tuple[str, str, bool]], console: Console) -> None:
    """Code and title of every rule; the last says whether this version reports it."""
    rows = [
        (code, title, "" if reported else "not reported by this version") for code, title, reported in rules
    ]
    print_table(console, ("code", "title", ""), rows)
    console.print()
    print_line(console, "one of them: imp-graphcheck explain GC201")
