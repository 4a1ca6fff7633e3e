"""The pages of the catalogue: complete, copied to docs/rules, and their examples do what they say."""

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from imp_graphcheck.faults.audit_pairs import AUDIT_PAIRS
from imp_graphcheck.faults.pairs import PAIRS
from imp_graphcheck.record.audit import Audit
from imp_graphcheck.record.run import Run
from imp_graphcheck.rules import RULES
from imp_graphcheck.rules.__main__ import documents
from imp_graphcheck.rules.page import example_of, page_codes, read_page, title_of

Check = Callable[..., Run]
AuditOf = Callable[..., Audit]
DOCS = Path(__file__).parents[2] / "docs" / "rules"

PENDING = {"GC204"}
"""Codes whose wrong example is not found yet, because no check reports them."""

ON_A_CARD = {"GC207", "GC603"}
"""Codes whose wrong example only a real card can show."""

PROBED = {"GC402": "padding", "GC403": "delay"}
"""Codes that an intervention shows, and its name."""

AUDITED = {"GC102", "GC103", "GC107"}
"""Codes that only `audit-syncs` reports."""

HEADINGS = ["What it means", "How it is detected", "What to do", "Wrong", "Right"]
MAX_LINES = 20

DETECTED = [code for code in page_codes() if code not in PENDING | ON_A_CARD | AUDITED]


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


def written(program: str, code: str, heading: str, folder: Path) -> str:
    """The example as a MODEL of the command line."""
    # A name of its own: modules of one name would be taken for each other.
    file = folder / f"{code.lower()}_{heading.lower()}.py"
    file.write_text(program)
    return f"{file}:Program"


def checked(check: Check, code: str, heading: str, folder: Path) -> Run:
    """Run the example as a user would: from a file, or by the arguments of the command."""
    example = example_of(code, heading)
    if example.program is not None:
        model = written(example.program, code, heading, folder)
        return check(model, probe=PROBED.get(code, ""), lockstep=code == "GC502")
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


def audited(audit_of: AuditOf, code: str, heading: str, folder: Path) -> Audit:
    program = example_of(code, heading).program
    assert program is not None
    return audit_of(written(program, code, heading, folder))


# The watchdog of GC107 dies of what the capture refuses it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("code", sorted(AUDITED))
def test_wrong_example_is_found_by_an_audit(audit_of: AuditOf, code: str, tmp_path: Path) -> None:
    audit = audited(audit_of, code, "Wrong", tmp_path)

    assert audit.status == "complete", audit.status_reason
    assert {site.code for site in audit.sites if site.severity} == {code}


@pytest.mark.parametrize("code", sorted(AUDITED))
def test_an_audit_of_the_right_example_is_silent(audit_of: AuditOf, code: str, tmp_path: Path) -> None:
    audit = audited(audit_of, code, "Right", tmp_path)

    assert (audit.status, audit.headline) == ("complete", None)
    assert not [(site.place, site.api, site.code) for site in audit.sites if site.code]


def test_a_code_that_no_example_shows_here_is_shown_by_a_pair() -> None:
    """A rule that cannot be shown to fire does not ship."""
    assert {pair.code for pair in PAIRS if pair.cuda_only} >= ON_A_CARD
    assert {expected.code for pair in AUDIT_PAIRS for expected in pair.expected} >= AUDITED


def test_pending_is_kept_short(check: Check, tmp_path: Path) -> None:
    """A code whose example is found must leave the list."""
    assert not {code for code in PENDING if code in codes_of(checked(check, code, "Wrong", tmp_path))}
