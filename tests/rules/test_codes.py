"""The catalogue and the source know the same codes. Found in the source, so that no code can be forgotten."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import imp_graphcheck
from imp_graphcheck.rules import RULES

CODE = re.compile(r"\bGC\d{3}\b")
SOURCE = Path(imp_graphcheck.__file__).parent
NOT_REPORTING = ("rules", "faults", "selftest")
"""Rooms that say what a code means, and what must fire it: they report nothing themselves."""


def codes_in(source: str) -> Iterator[str]:
    """Every code in a text of the program. Docstrings are for readers."""
    tree = ast.parse(source)
    bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in bare:
            yield from CODE.findall(node.value)


def found() -> dict[str, set[str]]:
    """The files that each code is in."""
    files: dict[str, set[str]] = {}
    for path in SOURCE.rglob("*.py"):
        name = path.relative_to(SOURCE)
        if name.parts[0] == "rules":
            continue
        for code in codes_in(path.read_text(encoding="utf-8")):
            files.setdefault(code, set()).add(str(name))
    return files


def test_every_code_in_the_source_is_in_the_catalogue() -> None:
    unknown = {code: sorted(files) for code, files in found().items() if code not in RULES}
    assert not unknown, f"these codes need an entry and a page: {unknown}"


def test_every_rule_of_the_catalogue_is_reported_by_something() -> None:
    reported = {
        code for code, files in found().items() if any(not name.startswith(NOT_REPORTING) for name in files)
    }
    assert set(RULES) - reported == set()


@pytest.mark.parametrize(
    ("source", "codes"),
    [
        ('code = "GC999"', ["GC999"]),
        ('note = f"{place} did not end (GC998)"', ["GC998"]),
        ('BY_NUMBER = {900: "GC101", 904: "GC106"}', ["GC101", "GC106"]),
        ('"""GC999 in a docstring."""', []),
        ('code = "AGC9999"', []),
    ],
)
def test_a_code_is_found_wherever_it_stands(source: str, codes: list[str]) -> None:
    assert list(codes_in(source)) == codes
