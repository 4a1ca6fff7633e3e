"""What there is to say of each rule: one page of Markdown per code, beside the catalogue.

print(read_page("GC201"))
"""

import re
from dataclasses import dataclass
from importlib.resources import files

_TITLE = re.compile(r"# (GC\d{3}): (.+)")
_PAGES = files("imp_graphcheck.rules") / "pages"


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A program, or the arguments of a command, under the heading `Wrong` or `Right`."""

    heading: str
    program: str | None = None
    command: str | None = None


def page_codes() -> tuple[str, ...]:
    """Every code that has a page, in order."""
    return tuple(
        sorted(page.name.removesuffix(".md") for page in _PAGES.iterdir() if page.name.endswith(".md"))
    )


def read_page(code: str) -> str:
    """The page of `code`. Raises FileNotFoundError."""
    return (_PAGES / f"{code}.md").read_text(encoding="utf-8")


def title_of(code: str) -> str:
    """What the rule of this page is called."""
    found = _TITLE.match(read_page(code))
    if found is None:
        raise ValueError(f"the page of {code} begins with another line than '# {code}: title'")
    return found[2]


def example_of(code: str, heading: str) -> Example:
    """The example under `## Wrong` or `## Right`: a Python block, or an indented command."""
    section = read_page(code).split(f"\n## {heading}\n")[1].split("\n## ")[0]
    program = re.search(r"```python\n(.*?)```", section, flags=re.DOTALL)
    if program is not None:
        return Example(heading=heading, program=program[1])
    command = re.search(r"^    imp-graphcheck (.+)$", section, flags=re.MULTILINE)
    return Example(heading=heading, command=None if command is None else command[1])
