"""What the tool says of itself."""

import subprocess
import sys

import pytest

from imp_graphcheck import __version__
from imp_graphcheck.cli.app import COMMANDS, EXIT_MEANINGS
from imp_graphcheck.exit_codes import ExitCode
from tests.cli.conftest import Cli

NAMES = [command.__name__.replace("_", "-") for command in COMMANDS]


def test_there_are_commands() -> None:
    assert "capture" in NAMES


def test_version(cli: Cli) -> None:
    assert cli("--version").stdout == f"imp-graphcheck {__version__}\n"


def test_python_m_is_the_same_program() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "imp_graphcheck", "--version"], capture_output=True, text=True, check=True
    )

    assert result.stdout == f"imp-graphcheck {__version__}\n"


def test_every_exit_code_is_explained() -> None:
    assert set(EXIT_MEANINGS) == set(ExitCode)


@pytest.mark.parametrize("arguments", [[], *([name] for name in NAMES)], ids=["main", *NAMES])
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_names_the_exit_codes(cli: Cli, arguments: list[str], flag: str) -> None:
    result = cli(*arguments, flag)

    assert result.returncode == 0
    for code, meaning in EXIT_MEANINGS.items():
        assert f"{code.value:>3}  {meaning}" in result.stdout


@pytest.mark.parametrize("arguments", [[], *([name] for name in NAMES)], ids=["main", *NAMES])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    program = (
        "import sys\n"
        f"sys.argv = ['imp-graphcheck', *{arguments!r}, '--help']\n"
        "from imp_graphcheck.cli import main\n"
        "try:\n"
        "    main()\n"
        "finally:\n"
        "    print('LOADED', *sys.modules)\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    loaded = set(result.stdout.split("LOADED")[1].split())
    assert "typer" in loaded
    assert loaded.isdisjoint({"torch", "pandas", "numpy", "pynvml", "transformers"})


def test_a_whole_capture_keeps_torch_out_of_this_process(tmp_path: object) -> None:
    """The parent must survive whatever a GPU does to a process."""
    from tests.cli.conftest import PROGRAM

    program = PROGRAM.replace(
        "main()", "import sys, atexit; atexit.register(lambda: print('torch' in sys.modules)); main()"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, "capture", "fake:clean", "-q"],
        capture_output=True,
        text=True,
        check=True,
        cwd=str(tmp_path),
    )

    assert result.stdout.splitlines()[-1] == "False"
