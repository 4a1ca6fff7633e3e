"""Imports run downhill. Read from the source, so that an import inside a function counts as well."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = ("imp_graphcheck", "imp_engine", "imp_kernels", "imp_reports")
HEAVY = ("torch", "pandas", "transformers", "cuda", "cupti")

ROOMS: dict[str, tuple[str, ...]] = {
    "kernels/imp_kernels": ("imp_kernels",),
    "engine/imp_engine": ("imp_engine", "imp_kernels"),
    "reports/imp_reports": ("imp_reports", "imp_graphcheck.record"),
    "imp_graphcheck/record": ("imp_graphcheck.record", "imp_graphcheck.errors"),
    "imp_graphcheck/rules": ("imp_graphcheck.rules", "imp_graphcheck.record"),
    "imp_graphcheck/checks": ("imp_graphcheck.checks", "imp_graphcheck.rules", "imp_graphcheck.record"),
    "imp_graphcheck/child": ("imp_graphcheck.child", "imp_graphcheck.record", "imp_graphcheck.exit_codes"),
    "imp_graphcheck/faults": (
        "imp_graphcheck.faults",
        "imp_graphcheck.errors",
        "imp_engine",
    ),
    "imp_graphcheck/apis": ("imp_graphcheck.apis", "imp_graphcheck.record"),
    "imp_graphcheck/source": (
        "imp_graphcheck.source",
        "imp_graphcheck.apis",
        "imp_graphcheck.record",
        "imp_graphcheck.errors",
    ),
    "imp_graphcheck/source/python": (
        "imp_graphcheck.source.python",
        "imp_graphcheck.source.source_audit",
        "imp_graphcheck.source.guard_class",
        "imp_graphcheck.source.conditions",
        "imp_graphcheck.apis",
        "imp_graphcheck.record",
        "imp_graphcheck.errors",
    ),
    "imp_graphcheck/device": (
        "imp_graphcheck.device",
        "imp_graphcheck.apis",
        "imp_graphcheck.record",
        "imp_graphcheck.errors",
    ),
    "imp_graphcheck/inject": (
        "imp_graphcheck.inject",
        "imp_graphcheck.apis",
        "imp_graphcheck.child",
        "imp_graphcheck.record",
        "imp_graphcheck.errors",
    ),
}
"""Which of our packages the modules of a room may import."""

LIGHT_ROOMS = (
    "imp_graphcheck/record",
    "imp_graphcheck/apis",
    "imp_graphcheck/rules",
    "imp_graphcheck/checks",
    "imp_graphcheck/child",
    "imp_graphcheck/inject",
    "imp_graphcheck/source",
    "imp_graphcheck/cli",
    "reports/imp_reports",
)
"""Rooms that work on saved runs, or in the command-line process: they need no GPU and no torch."""


def imports_of(source: str, package: str) -> set[str]:
    """Every module that `source`, a module of `package`, imports, spelt in full."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, *filter(None, [base])])
            # `from package import module` names a module as well as the package
            found |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return found


def imports_of_room(room: str) -> dict[str, set[str]]:
    """Module file -> imports, for all modules of a room."""
    files = sorted((ROOT / room).rglob("*.py"))
    return {
        str(file.relative_to(ROOT)): imports_of(
            file.read_text(), file.parent.relative_to(ROOT).as_posix().replace("/", ".")
        )
        for file in files
    }


def inside(name: str, packages: tuple[str, ...]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_rooms_below(room: str) -> None:
    found = imports_of_room(room)
    wrong = {
        (file, name)
        for file, names in found.items()
        for name in names
        if inside(name, OURS) and not inside(name, ROOMS[room]) and name != "imp_graphcheck"
    }

    assert found, f"{room} holds no module: the guard would guard nothing"
    assert wrong == set()


@pytest.mark.parametrize("room", LIGHT_ROOMS)
def test_a_light_room_imports_nothing_heavy(room: str) -> None:
    found = imports_of_room(room)
    wrong = {(file, name) for file, names in found.items() for name in names if inside(name, HEAVY)}

    assert found, f"{room} holds no module: the guard would guard nothing"
    # pandas lives here, inside the function that makes a table: test_help.py sees that nothing loads it unasked.
    assert wrong - {("reports/imp_reports/tables.py", "pandas")} == set()


def test_the_walk_sees_imports_of_every_kind() -> None:
    source = (
        "import torch.nn as nn\n"
        "from imp_engine import batch\n"
        "from . import sibling\n"
        "from .sibling import name\n"
        "from .. import aunt\n"
        "def late():\n"
        "    from imp_graphcheck.device import open_device\n"
    )

    assert imports_of(source, "package.room") >= {
        "torch.nn",
        "imp_engine.batch",
        "package.room.sibling",
        "package.room.sibling.name",
        "package.aunt",
        "imp_graphcheck.device",
    }


def test_the_walk_is_not_empty() -> None:
    names = set().union(*imports_of_room("engine/imp_engine").values())

    assert inside("imp_kernels", tuple(names))
