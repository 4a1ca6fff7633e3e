"""The import packages keep out of the way of everybody else's."""

import subprocess
import sys
import zipfile
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {"imp_graphcheck", "imp_engine", "imp_kernels", "imp_reports"}
FOLDERS = ("engine", "kernels", "reports")


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_that_holds_a_package_is_none_itself(folder: str) -> None:
    """`kernels` with an `__init__.py` shadows a distribution that transformers imports."""
    assert (ROOT / folder / f"imp_{folder}" / "__init__.py").is_file()
    assert not (ROOT / folder / "__init__.py").exists()


def test_the_root_is_no_package() -> None:
    assert not (ROOT / "__init__.py").exists()


def test_import_kernels_at_the_root_is_not_ours() -> None:
    program = (
        "import importlib.util\n"
        "spec = importlib.util.find_spec('kernels')\n"
        "print(spec.origin if spec else None)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert not result.stdout.startswith(str(ROOT / "kernels"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Built from a copy: setuptools leaves build/ and egg-info behind."""
    source = tmp_path_factory.mktemp("source") / "repository"
    source.mkdir()
    for folder in ("imp_graphcheck", *FOLDERS, "tests"):
        copytree(ROOT / folder, source / folder, ignore=ignore_patterns("__pycache__", "checkpoints"))
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        (source / file).write_bytes((ROOT / file).read_bytes())
    built = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
    ]
    subprocess.run([*command, "--wheel-dir", str(built), str(source)], check=True)
    (file,) = built.glob("*.whl")
    return zipfile.ZipFile(file)


def test_the_wheel_installs_four_packages_and_no_other_name(wheel: zipfile.ZipFile) -> None:
    names = {name.split("/")[0] for name in wheel.namelist()}

    assert {name for name in names if not name.endswith(".dist-info")} == PACKAGES


def test_the_wheel_has_every_module_licence_and_type_marker(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    sources = [
        path.relative_to(base).as_posix()
        for base, package in (
            (ROOT, "imp_graphcheck"),
            *((ROOT / folder, f"imp_{folder}") for folder in FOLDERS),
        )
        for path in (base / package).rglob("*.py")
    ]

    assert len(sources) > 20
    assert names.issuperset(sources)
    assert names.issuperset(f"{package}/py.typed" for package in PACKAGES)
    assert any(name.endswith("dist-info/licenses/LICENSE") for name in names)


def test_the_version_is_said_once(wheel: zipfile.ZipFile) -> None:
    from imp_graphcheck import __version__

    assert f"imp_graphcheck-{__version__}.dist-info/METADATA" in wheel.namelist()


def test_torch_is_not_pinned_and_everything_else_is() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]

    assert len(pins) > 30
    for pin in pins:
        name, equals, version = pin.partition("==")
        assert equals, pin
        assert name != "torch"
        assert "+" not in version, "a local version cannot be had elsewhere"
