"""The pages of the catalogue: complete, copied to docs/rules, and their examples do what they say."""

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from imp_graphcheck.record.run import Run
from imp_graphcheck.rules import RULES
from imp_graphcheck.rules.__main__ import documents
from imp_graphcheck.rules.page import example_of, page_codes, read_page, title_of

Check = Callable[..., Run]
DOCS = Path(__file__).parents[2] / "docs" / "rules"

PENDING = {"GC204"}
"""Codes whose wrong example is not found yet, because no check reports them."""

ON_A_CARD = {"GC207", "GC603"}
"""Codes whose wrong example only a real card can show."""

PROBED = {"GC402": "padding", "GC403": "delay"}
"""Codes that an intervention shows, and its name."""

HEADINGS = ["What it means", "How it is detected", "What to do", "Wrong", "Right"]
MAX_LINES = 20

DETECTED = [code for code in page_codes() if code not in PENDING | ON_A_CARD]


def test_every_rule_has_a_page() -> None:
    assert set(RULES) <= set(page_codes())
    assert set(page_codes()) - set(RULES) <= PENDING


@pytest.mark.parametrize("code", page_codes())
def test_a_page_has_its_title_and_its_sections(code: str) -> None:
    headings = [line.removeprefix("## ") for line in read_page(code).splitlines() if line.startswith("## ")]

    assert headings == HEADINGS
    assert read_page(code).startswith(f"# {code}: ")
    if code in RULES:
        assert title_of(code) == RULES[code].title


def test_docs_hold_the_pages() -> None:
    """`python -m imp_graphcheck.rules` writes them."""
    assert {path.name: path.read_text() for path in DOCS.glob("*.md")} == documents()


@pytest.mark.parametrize("heading", ["Wrong", "Right"])
@pytest.mark.parametrize("code", page_codes())
def test_an_example_is_short(code: str, heading: str) -> None:
    example = example_of(code, heading)
    lines = [line for line in (example.program or example.command or "").splitlines() if line.strip()]

    assert 0 < len(lines) <= MAX_LINES


def codes_of(run: Run) -> set[str]:
    return {finding.code for finding in run.findings}


def checked(check: Check, code: str, heading: str, folder: Path) -> Run:
    """Run the example as a user would: from a file, or by the arguments of the command."""
    example = example_of(code, heading)
    if example.program is not None:
        # A name of its own: modules of one name would be taken for each other.
        file = folder / f"{code.lower()}_{heading.lower()}.py"
        file.write_text(example.program)
        return check(f"{file}:Program", probe=PROBED.get(code, ""), lockstep=code == "GC502")
    assert example.command is not None
    command, model, *options = shlex.split(example.command)
    assert command == "capture"
    pairs = dict(zip(options[::2], options[1::2], strict=True))
    assert pairs.pop("--device") == "sim"
    return check(model, fault=pairs.pop("--fault", None), **pairs)


@pytest.mark.parametrize("code", DETECTED)
def test_wrong_example_is_found(check: Check, code: str, tmp_path: Path) -> None:
    assert code in codes_of(checked(check, code, "Wrong", tmp_path))


@pytest.mark.parametrize("code", page_codes())
def test_right_example_is_not(check: Check, code: str, tmp_path: Path) -> None:
    run = checked(check, code, "Right", tmp_path)

    assert code not in codes_of(run)
    assert not [finding for finding in run.findings if finding.severity == "error"]


def test_pending_is_kept_short(check: Check, tmp_path: Path) -> None:
    """A code whose example is found must leave the list."""
    assert not {code for code in PENDING if code in codes_of(checked(check, code, "Wrong", tmp_path))}
