"""What the tests of the injection library compile, and with what."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from imp_graphcheck.errors import UsageError
from imp_graphcheck.inject.build import SOURCES, find_compiler
from imp_graphcheck.inject.cupti import find_headers

HERE = Path(__file__).parent
PROGRAMS = HERE / "programs"
FAKES = HERE / "fakes"

STRICT = ("-std=c++17", "-Wall", "-Wextra", "-Werror", "-fPIC", "-pthread")
DEBUGGABLE = ("-g", "-O1", "-fno-optimize-sibling-calls")

_PLANTED = re.compile(r"// PLANTED: (\S+) (\S+) (\S+)$")
_WRITTEN = re.compile(r"// WRITTEN: (\S+)$")


@dataclass(frozen=True, slots=True)
class Planted:
    """One line that an audit is to list."""

    line: int
    kind: str
    fate: str
    api: str


def planted(program: Path = PROGRAMS / "planted.cu") -> list[Planted]:
    """Read from the comments, so that no test knows a line number."""
    return [
        Planted(number, found[1], found[2].replace("_", " "), found[3])
        for number, line in enumerate(program.read_text().splitlines(), start=1)
        if (found := _PLANTED.search(line))
    ]


def written(program: Path = PROGRAMS / "trial.cpp") -> dict[str, int]:
    """Function -> the line in it that is marked."""
    return {
        found[1]: number
        for number, line in enumerate(program.read_text().splitlines(), start=1)
        if (found := _WRITTEN.search(line))
    }


def compile_cpp(output: Path, sources: list[Path], *arguments: str, headers: bool = True) -> Path:
    """With warnings as errors. Skips the test where there is no compiler, or no header that is needed."""
    try:
        compiler = find_compiler()
        folders = find_headers().folders if headers else ()
    except UsageError as error:
        pytest.skip(error.message)
    includes = [part for folder in folders for part in ("-isystem", str(folder))]
    run = subprocess.run(
        [compiler.path, *STRICT, *DEBUGGABLE, *includes, *map(str, sources), "-o", str(output), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr[:4000]
    return output


def compile_trial(output: Path, *arguments: str) -> Path:
    """The program that writes traces without CUDA."""
    parts = ("trace_writer", "threads", "modules", "stacks", "tallies")
    sources = [PROGRAMS / "trial.cpp", *(SOURCES / f"{part}.cpp" for part in parts)]
    return compile_cpp(output, sources, "-I", str(SOURCES), *arguments, headers=False)
