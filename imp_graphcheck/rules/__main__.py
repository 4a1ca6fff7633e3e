"""Copies the pages to docs/rules, with a table of contents: `python -m imp_graphcheck.rules docs/rules`."""

import sys
from pathlib import Path

from imp_graphcheck.rules.page import page_codes, read_page, title_of

INDEX = "README.md"


def documents() -> dict[str, str]:
    """File name -> content of everything in docs/rules."""
    lines = [f"- [{code}]({code}.md): {title_of(code)}" for code in page_codes()]
    head = "# Rules\n\nEvery finding carries one of these codes. `imp-graphcheck explain CODE` prints the same pages.\n"
    return {
        INDEX: head + "\n" + "\n".join(lines) + "\n",
        **{f"{code}.md": read_page(code) for code in page_codes()},
    }


def write_documents(folder: Path) -> None:
    """Make `folder` hold exactly the documents."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = documents()
    for old in folder.glob("*.md"):
        if old.name not in wanted:
            old.unlink()
    for name, text in wanted.items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write_documents(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/rules"))
