"""The README says what is so."""

import re
from pathlib import Path

from msgspec.structs import fields

from imp_graphcheck.cli.app import COMMANDS
from imp_graphcheck.exit_codes import ExitCode
from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.graph import GraphTrace, Node
from imp_graphcheck.record.run import CallComparison, Run, Speed, Stage, StateComparison, Target
from imp_graphcheck.record.site import Site

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()

RECORDS = (Run, Target, Stage, CallComparison, StateComparison, GraphTrace, Node, Speed, Finding, Site)


def test_every_field_of_the_document_is_described() -> None:
    told = set(re.findall(r"\w+", README.split("## The JSON document")[1].split("\n## ")[0]))
    missing = {
        f"{record.__name__}.{field.name}"
        for record in RECORDS
        for field in fields(record)
        if field.name not in told
    }

    assert missing == set()


def test_every_exit_code_is_described() -> None:
    codes = re.findall(
        r"^\| (\d+) \|", README.split("## Exit codes")[1].split("\n## ")[0], flags=re.MULTILINE
    )

    assert [int(code) for code in codes] == [int(code) for code in ExitCode]


def test_every_command_that_is_shown_exists() -> None:
    shown = set(re.findall(r"imp-graphcheck ([a-z][a-z-]*)", README))

    assert "capture" in shown
    assert shown <= {command.__name__.replace("_", "-") for command in COMMANDS}


def test_every_make_target_that_is_shown_exists() -> None:
    shown = set(re.findall(r"`?make ([a-z][a-z-]+)", README.split("## Two commands")[1].split("\n## ")[0]))
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))

    assert {"run", "test", "test-gpu"} <= shown
    assert shown <= targets
