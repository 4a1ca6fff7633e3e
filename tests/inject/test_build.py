"""The injection library is built once, against what is there, and says what is missing."""

import subprocess
import tomllib
from pathlib import Path

import pytest

from imp_graphcheck.apis import CALLS
from imp_graphcheck.errors import UsageError
from imp_graphcheck.inject import build, cupti
from imp_graphcheck.inject.build import build_library, find_compiler, sources, wanted_calls
from imp_graphcheck.inject.cupti import HEADERS, find_headers, find_libraries
from tests.inject.toolchain import compile_cpp


def test_it_is_clean_under_all_warnings(tmp_path: Path) -> None:
    (tmp_path / build.WANTED_CALLS).write_text(wanted_calls())

    made = compile_cpp(tmp_path / build.LIBRARY, sources(), "-shared", "-I", str(tmp_path), "-ldl")

    assert made.stat().st_size > 10_000


def test_it_shows_the_program_one_name(library: Path) -> None:
    """Whatever else it exported could take the place of a function of the program."""
    symbols = subprocess.run(
        ["nm", "--dynamic", "--defined-only", library], capture_output=True, text=True, check=True
    )

    assert [line.split()[-1] for line in symbols.stdout.splitlines()] == ["InitializeInjection"]


def test_it_needs_neither_cuda_nor_libstdcxx_to_load(library: Path) -> None:
    needed = subprocess.run(["readelf", "-d", library], capture_output=True, text=True, check=True).stdout

    assert "NEEDED" in needed
    assert not any(name in needed for name in ("libcupti", "libcuda", "libstdc++"))


def test_it_is_built_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: Path) -> None:
    first = build_library(cache=tmp_path)
    before = first.stat().st_mtime_ns
    again = build_library(cache=tmp_path)

    assert again == first
    assert again.stat().st_mtime_ns == before
    assert [file.name for file in first.parent.iterdir()] == [build.LIBRARY], "the workshop is gone"
    monkeypatch.setattr(build, "FLAGS", (*build.FLAGS, "-DOTHER"))
    assert build_library(cache=tmp_path) != first


def test_every_call_of_the_catalogue_is_wanted() -> None:
    assert sorted(wanted_calls().replace('"', "").replace(",", "").split()) == sorted(CALLS)


def test_the_cache_is_where_the_user_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    assert build.cache_folder() == tmp_path / "imp-graphcheck"


def test_without_a_compiler_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(UsageError, match=r"no C\+\+ compiler was found") as raised:
        find_compiler()
    assert "install g++" in raised.value.hint


def test_a_compiler_that_was_asked_for_is_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")

    with pytest.raises(UsageError, match="CXX names no-such-compiler, which is not there"):
        find_compiler()


def test_a_failing_build_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, library: Path
) -> None:
    compiler = tmp_path / "broken"
    compiler.write_text(
        "#!/bin/sh\n[ $1 = --version ] && echo broken 1 && exit\necho 'x.cpp:1: error: no' >&2\nexit 1\n"
    )
    compiler.chmod(0o755)
    monkeypatch.setenv("CXX", str(compiler))

    with pytest.raises(
        UsageError, match=r"broken could not build the injection library: x\.cpp:1: error: no"
    ):
        build_library(cache=tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob("*.so"))


def test_a_cache_that_cannot_be_written_is_one_sentence(tmp_path: Path, library: Path) -> None:
    (tmp_path / "inject").write_text("a file where the folder is to be")

    with pytest.raises(UsageError, match="cannot be kept in"):
        build_library(cache=tmp_path)


def test_a_missing_header_names_its_wheel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _only(monkeypatch, tmp_path)
    _headers(tmp_path / "include", set(HEADERS) - {"cuda.h"})

    with pytest.raises(UsageError, match=r"the header cuda\.h was not found") as raised:
        find_headers()
    assert raised.value.hint.startswith("pip install nvidia-cuda-runtime")


def test_headers_of_wheels_are_put_together(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _only(monkeypatch, tmp_path / "no-toolkit", path=tmp_path)
    site = tmp_path / "nvidia"
    _headers(site / "cuda_cupti/include", {"cupti.h", "generated_cuda_runtime_api_meta.h"})
    _headers(site / "cuda_runtime/include", {"cuda.h", "cuda_runtime_api.h"})
    _headers(tmp_path / "triton/backends/nvidia/include", {"crt/host_defines.h", "cuda.h"})

    found = find_headers()
    assert found.folders == (
        site / "cuda_cupti/include",
        site / "cuda_runtime/include",
        tmp_path / "triton/backends/nvidia/include",
    )
    assert found.version == 24


def test_a_place_that_has_all_goes_before_parts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _only(monkeypatch, tmp_path / "no-toolkit", path=tmp_path)
    _headers(tmp_path / "nvidia/cuda_cupti/include", {"cupti.h"})
    _headers(tmp_path / "triton/backends/nvidia/include", set(HEADERS))

    assert find_headers().folders == (tmp_path / "triton/backends/nvidia/include",)


def test_the_newest_libcupti_goes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _only(monkeypatch, tmp_path / "no-toolkit", path=tmp_path)
    for place in ("nvidia/cuda_cupti/lib/libcupti.so.12", "nvidia/cu13/lib/libcupti.so.13"):
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).touch()
    (tmp_path / "nvidia/cu13/lib/libcupti.so.2025.3.1").touch()

    assert [path.name for path in find_libraries()] == ["libcupti.so.13", "libcupti.so.12"]


def test_without_libcupti_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _only(monkeypatch, tmp_path)

    with pytest.raises(UsageError, match="libcupti was not found") as raised:
        find_libraries()
    assert "pip install nvidia-cuda-cupti" in raised.value.hint


def test_the_sources_travel_with_the_package() -> None:
    """The patterns in pyproject.toml, tried on the folder."""
    settings = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    patterns = settings["tool"]["setuptools"]["package-data"]["*"]
    package = build.SOURCES.parent
    shipped = {path for pattern in patterns for path in package.glob(pattern)}

    assert {*sources(), *build.SOURCES.glob("*.h")} <= shipped
    assert len(sources()) > 5


def _only(monkeypatch: pytest.MonkeyPatch, toolkit: Path, *, path: Path | None = None) -> None:
    """Nothing is found but this toolkit, and the packages in `path`."""
    monkeypatch.setattr(cupti, "toolkits", lambda: iter((toolkit,)))
    monkeypatch.setattr(cupti.sys, "path", [str(path)] if path else [])


def _headers(folder: Path, names: set[str]) -> None:
    for name in (*names, "cupti_version.h"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    (folder / "cupti_version.h").write_text("#define CUPTI_API_VERSION 24\n")
