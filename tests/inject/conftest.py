"""The programs of these tests, built once."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from imp_graphcheck.errors import UsageError
from imp_graphcheck.inject.build import build_library
from imp_graphcheck.inject.trace_file import Trace, read_trace
from tests.inject.toolchain import FAKES, PROGRAMS, compile_cpp, compile_trial

RunTrial = Callable[..., Trace]


@dataclass(frozen=True, slots=True)
class Fakes:
    """A CUDA that does nothing. `target` is the planted program, linked with it."""

    folder: Path
    target: Path
    cupti: Path


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The injection library, as users get it."""
    try:
        return build_library(cache=tmp_path_factory.mktemp("cache"))
    except UsageError as error:
        pytest.skip(error.message)


@pytest.fixture(scope="session")
def fakes(tmp_path_factory: pytest.TempPathFactory) -> Fakes:
    folder = tmp_path_factory.mktemp("fakes")

    def shared(name: str, source: str, *needs: Path) -> Path:
        options = ("-shared", f"-Wl,-soname,{name}", f"-Wl,-rpath,{folder}", *map(str, needs), "-ldl")
        return compile_cpp(folder / name, [FAKES / source], *options)

    driver = shared("libcuda.so.1", "fake_driver.cpp")
    runtime = shared("libcudart.so.13", "fake_runtime.cpp", driver)
    cublas = shared("libcublas.so.13", "fake_cublas.cpp", runtime)
    cupti = shared("libcupti.so.13", "fake_cupti.cpp", driver)
    program = folder / "planted.cpp"
    program.symlink_to(PROGRAMS / "planted.cu")
    target = compile_cpp(
        folder / "planted", [program], str(runtime), str(cublas), str(driver), f"-Wl,-rpath,{folder}"
    )
    return Fakes(folder, target, cupti)


@pytest.fixture(scope="session")
def trial_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_trial(tmp_path_factory.mktemp("trial") / "trial")


@pytest.fixture
def run_trial(trial_program: Path, tmp_path: Path) -> RunTrial:
    """Run the trial program in a mode, and read what it wrote."""

    def run(mode: str, *, status: int = 0, limit: int = 8 << 20, program: Path = trial_program) -> Trace:
        ended = subprocess.run([program, mode, tmp_path, str(limit)], check=False)
        assert ended.returncode == status
        (path,) = tmp_path.glob("*.trace")
        return read_trace(path)

    return run
