"""A struct by value really reaches the part of the stack that later calls find unwritten."""

import ctypes
import shutil
import subprocess
from pathlib import Path

import pytest

from imp_graphcheck.device.host_stack import overwrite_host_stack

PEEK = """
int peek(int at) { volatile unsigned char unwritten[32768]; return unwritten[at]; }
"""


@pytest.fixture(scope="module")
def peek(tmp_path_factory: pytest.TempPathFactory) -> "ctypes._NamedFuncPointer":
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    folder: Path = tmp_path_factory.mktemp("peek")
    (folder / "peek.c").write_text(PEEK)
    subprocess.run([compiler, "-O0", "-w", "-shared", "-fPIC", "-o", "peek.so", "peek.c"], cwd=folder, check=True)
    return ctypes.CDLL(str(folder / "peek.so")).peek


@pytest.mark.parametrize("byte", [0x5A, 0xA5, 0x00])
def test_what_a_call_finds_unwritten_is_the_byte(peek: "ctypes._NamedFuncPointer", byte: int) -> None:
    def found() -> set[int]:
        overwrite_host_stack(byte)
        return {peek(at) for at in range(0, 16384, 64)}

    assert found() == {byte}
