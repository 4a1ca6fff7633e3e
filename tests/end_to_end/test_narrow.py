"""Every page of the installed command at 40 columns and without colours, and its documents in a pipe."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]
EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@pytest.fixture
def saved(run: Run) -> None:
    assert run("capture", f"{EXAMPLES / 'wrong.py'}:target", "--device", "sim", "-q").returncode == 1
    assert run("bisect", "--device", "sim", "-q", "--repeat", "0").returncode == 1


@pytest.mark.usefixtures("saved")
def test_forty_columns(run: Run) -> None:
    for arguments in (
        ("inspect", "latest"),
        ("inspect", "latest", "--node", "0"),
        ("diff", "latest", "latest"),
        ("report", "latest", "--format", "table"),
        ("report", ".graphcheck/bisections/latest", "--format", "table"),
        ("explain", "GC301"),
    ):
        done = run(*arguments, COLUMNS="40", NO_COLOR="1")
        assert done.returncode == 0, (arguments, done.stderr)
        assert done.stdout.strip(), arguments
        assert "\x1b" not in done.stdout, arguments
        assert "\u2026" not in done.stdout, (arguments, "a cell was cut")
        for table in tables(done.stdout):
            assert max(map(len, table)) <= 40, (arguments, table)


def tables(page: str) -> list[list[str]]:
    """The tables of a page. Sentences are left out: in a pipe each stays on one line, so that it can be searched."""
    blocks = [block.splitlines() for block in page.split("\n\n")]
    return [
        block[start:]
        for block in blocks
        for start, line in enumerate(block)
        if re.match(r"(stage|probe|tensor) | *n +nodes ", line)
    ]


@pytest.mark.usefixtures("saved")
def test_documents_can_be_piped(run: Run) -> None:
    for arguments, key in (
        (("inspect", "latest", "--format", "json"), "graphs"),
        (("report", "latest", "--format", "json", "-o", "-"), "verdict"),
        (("report", ".graphcheck/bisections/latest", "--format", "json", "-o", "-"), "causes"),
        (("report", ".graphcheck/bisections/latest", "--format", "sarif", "-o", "-"), "runs"),
    ):
        done = run(*arguments)
        assert done.returncode == 0, done.stderr
        assert key in json.loads(done.stdout)


@pytest.mark.usefixtures("saved")
def test_a_bisection_has_a_page(run: Run, tmp_path: Path) -> None:
    done = run("report", ".graphcheck/bisections/latest")
    assert done.returncode == 0, done.stderr
    page = (tmp_path / done.stdout.strip()).read_text()
    document = json.loads((tmp_path / ".graphcheck/bisections/latest/bisection.json").read_text())
    assert '<h1 class="findings">Cause found</h1>' in page
    assert "as it is" in page
    assert all(cause["finding"]["code"] in page for cause in document["causes"])
    assert all(f'data-run="/tried/{n}/wrong_calls"' in page for n in range(len(document["tried"])))
    assert run(
        "report", ".graphcheck/bisections/latest/bisection.json", "--format", "md", "-o", "-"
    ).stdout.startswith("### Cause found")


def test_a_damaged_bisection_is_bad_input(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bisection.json").write_text('{"schema_version": 1, "trials": []')
    done = run("report", "bisection.json")
    assert done.returncode == 2
    assert "is not a bisection of this tool" in done.stderr
    assert not list(tmp_path.glob("*.html"))
