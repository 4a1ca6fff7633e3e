"""Silence where nothing is wrong."""

import inspect
from collections.abc import Callable
from pathlib import Path

import pytest

from imp_graphcheck.record.run import Run

SOURCE = Path(__file__).with_name("correct_programs.py")
NAMES = [
    line.split("(")[0].removeprefix("class ")
    for line in SOURCE.read_text().splitlines()
    if line.startswith("class ")
]


def test_the_list_of_programs_is_not_empty() -> None:
    assert len(NAMES) >= 13
    assert inspect.getmodulename(str(SOURCE)) == "correct_programs"


@pytest.mark.parametrize("name", NAMES)
def test_correct_program_is_clean(check: Callable[..., Run], name: str) -> None:
    run = check(f"{SOURCE}:{name}")
    assert run.findings == (), [(finding.code, finding.message) for finding in run.findings]
    assert run.verdict == "clean", run.verdict_reason
