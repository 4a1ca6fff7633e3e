"""Which modules are searched for buffers."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from imp_graphcheck.target.modules import modules_beside


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "a_program.py").write_text("import a_program_table\nimport a_package.cache\n")
    (tmp_path / "a_program_table.py").write_text("table = None\n")
    (tmp_path / "a_package").mkdir()
    (tmp_path / "a_package" / "__init__.py").write_text("")
    (tmp_path / "a_package" / "cache.py").write_text("import a_program_table\n")
    for name in ("a_program", "a_program_table", "a_package", "a_package.cache"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


def test_modules_in_the_same_folder_and_below(program: Path) -> None:
    module = __import__("a_program")
    assert set(modules_beside(module)) == {"a_program_table", "a_package", "a_package.cache"}


def test_modules_of_the_same_package(program: Path) -> None:
    __import__("a_program")
    assert "a_package" in modules_beside(sys.modules["a_package.cache"])
    assert "a_program" not in modules_beside(sys.modules["a_package.cache"])


def test_libraries_and_the_tool_are_none_of_it() -> None:
    names = modules_beside(sys.modules[__name__])
    assert not {name.partition(".")[0] for name in names} & {"torch", "numpy", "pytest", "imp_graphcheck"}
    assert torch.__name__ not in names
    assert np.__name__ not in names
