"""A struct by value really reaches the part of the stack that later calls find unwritten."""

import ctypes
import shutil
import subprocess
from pathlib import Path

import pytest

from imp_graphcheck.device.host_stack import LEFT_BEHIND, overwrite_host_stack

PEEK = """
int peek(int at) { volatile unsigned char unwritten[24576]; return unwritten[at]; }
"""


@pytest.fixture(scope="module")
def peek(tmp_path_factory: pytest.TempPathFactory) -> "ctypes._NamedFuncPointer":
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    folder: Path = tmp_path_factory.mktemp("peek")
    (folder / "peek.c").write_text(PEEK)
    subprocess.run(
        [compiler, "-O0", "-w", "-shared", "-fPIC", "-o", "peek.so", "peek.c"], cwd=folder, check=True
    )
    return ctypes.CDLL(str(folder / "peek.so")).peek


def test_what_a_call_finds_unwritten_is_the_byte(peek: "ctypes._NamedFuncPointer") -> None:
    overwrite_host_stack()
    assert {peek(at) for at in range(2048, 16384, 64)} == {LEFT_BEHIND}


def test_the_second_time_too(peek: "ctypes._NamedFuncPointer") -> None:
    for _ in range(2):
        overwrite_host_stack()
        sorted(range(1000), key=lambda number: -number)
        overwrite_host_stack()
    assert {peek(at) for at in range(2048, 16384, 64)} == {LEFT_BEHIND}
