"""SARIF held against a schema: always against a closed one of what this tool writes, and against the one of OASIS where
IMP_GRAPHCHECK_SARIF_SCHEMA names a copy of it (its terms are the OASIS IPR policy, so none lies in this repository)."""

import copy
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from imp_graphcheck.record.run import Run
from imp_graphcheck.rules import RULES
from imp_reports.bisection_run import as_run
from imp_reports.sarif import sarif
from tests.reports.bisections import FOUND, HOSTILE_BISECTION, NOTHING
from tests.reports.large import hostile, large
from tests.reports.runs import BROKEN, CLEAN, FREED

jsonschema = pytest.importorskip("jsonschema", reason="a package of the extra `dev`")

OASIS = "IMP_GRAPHCHECK_SARIF_SCHEMA"
SUBSET = Path(__file__).with_name("sarif_subset.schema.json")

DOCUMENTS = {
    "clean": CLEAN,
    "broken": BROKEN,
    "interrupted": replace(CLEAN, verdict="interrupted", verdict_reason=""),
    "large": large(),
    "hostile": hostile(),
    "no place": replace(BROKEN, findings=(replace(FREED, allocation_site=None, free_site=None),)),
    "bisection": as_run(FOUND),
    "hostile bisection": as_run(HOSTILE_BISECTION),
    "nothing found": as_run(NOTHING),
}


def document_of(run: Run) -> Any:
    return json.loads(sarif(run, rules=RULES, roots=(Path.cwd(),)))


def required_of_sarif(document: Any) -> Iterator[tuple[str, list[str | int], str]]:
    """Keys that the standard itself demands, with the way to the object that has them."""
    yield "version", [], "version"
    yield "tool", ["runs", 0], "tool"
    yield "driver name", ["runs", 0, "tool", "driver"], "name"
    yield "rule id", ["runs", 0, "tool", "driver", "rules", 0], "id"
    yield "successful", ["runs", 0, "invocations", 0], "executionSuccessful"
    yield "message", ["runs", 0, "results", 0], "message"
    yield "flow", ["runs", 0, "results", 0, "codeFlows", 0], "threadFlows"


@pytest.fixture(params=["subset", "oasis"])
def schema(request: pytest.FixtureRequest) -> Any:
    if request.param == "subset":
        return json.loads(SUBSET.read_text())
    if OASIS not in os.environ:
        pytest.skip(f"{OASIS} names no copy of the schema of OASIS")
    return json.loads(Path(os.environ[OASIS]).read_text())


def errors(document: Any, schema: Any) -> list[str]:
    validator = jsonschema.validators.validator_for(schema)(schema)
    return [error.json_path + ": " + error.message[:200] for error in validator.iter_errors(document)]


@pytest.mark.parametrize("run", DOCUMENTS.values(), ids=DOCUMENTS)
def test_documents_are_valid(run: Run, schema: Any) -> None:
    assert errors(document_of(run), schema) == []


def test_the_schema_would_see_a_missing_key(schema: Any) -> None:
    whole = document_of(BROKEN)
    assert errors(whole, schema) == []
    for name, way, key in required_of_sarif(whole):
        damaged = copy.deepcopy(whole)
        part = damaged
        for step in way:
            part = part[step]
        del part[key]
        assert errors(damaged, schema), name


def test_the_schema_would_see_a_line_zero_and_a_word_that_is_none(schema: Any) -> None:
    damaged = document_of(BROKEN)
    location = damaged["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    location["region"]["startLine"] = 0
    damaged["runs"][0]["results"][0]["level"] = "fatal"

    assert len(errors(damaged, schema)) == 2


@pytest.mark.parametrize("run", DOCUMENTS.values(), ids=DOCUMENTS)
def test_results_name_rules_that_are_there(run: Run) -> None:
    (only,) = document_of(run)["runs"]
    rules = [rule["id"] for rule in only["tool"]["driver"]["rules"]]

    assert len(set(rules)) == len(rules)
    for result in only["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
    prints = [tuple(result["partialFingerprints"].values()) for result in only["results"]]
    assert len(set(prints)) == len(prints)
