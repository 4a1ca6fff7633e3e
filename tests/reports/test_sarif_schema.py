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
from imp_reports.sarif import FINGERPRINT, sarif
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


RESULT = "runs.results"
STEP = f"{RESULT}.codeFlows.threadFlows.locations"

BY_THE_STANDARD = (
    "version",
    "runs",
    "runs.tool",
    "runs.tool.driver",
    "runs.tool.driver.name",
    "runs.tool.driver.rules.id",
    "runs.tool.driver.rules.help.text",
    "runs.invocations.executionSuccessful",
    "runs.invocations.toolExecutionNotifications.message",
    f"{RESULT}.message",
    f"{RESULT}.message.text",
    f"{RESULT}.locations.physicalLocation.artifactLocation",
    f"{RESULT}.locations.physicalLocation.region.startLine",
    f"{RESULT}.codeFlows.threadFlows",
    STEP,
    f"{STEP}.location.physicalLocation.region.startLine",
)
BY_CODE_HOSTS = (
    "$schema",
    "runs.tool.driver.rules",
    RESULT,
    f"{RESULT}.ruleId",
    f"{RESULT}.ruleIndex",
    f"{RESULT}.level",
    f"{RESULT}.locations",
    f"{RESULT}.locations.physicalLocation.artifactLocation.uri",
    f"{RESULT}.locations.physicalLocation.artifactLocation.uriBaseId",
    f"{RESULT}.locations.physicalLocation.region",
    f"{RESULT}.partialFingerprints",
    f"{RESULT}.partialFingerprints.{FINGERPRINT}",
    f"{STEP}.location",
    f"{STEP}.location.physicalLocation.artifactLocation.uri",
    f"{STEP}.location.physicalLocation.region",
)
"""What the standard leaves open, and an alert cannot do without."""

RICH = (large(2, compared=0), DOCUMENTS["interrupted"])
"""Between them, every kind of object that the tool writes."""

Way = tuple[str | int, ...]


def keys_of(part: Any, way: Way = ()) -> Iterator[Way]:
    """The way to every key of a document."""
    if isinstance(part, list):
        for index, element in enumerate(part):
            yield from keys_of(element, (*way, index))
    elif isinstance(part, dict):
        for key, value in part.items():
            yield (*way, key)
            yield from keys_of(value, (*way, key))


def damaged(name: str) -> list[Any]:
    """A copy for each place that `name` stands for, with what is there taken out."""
    copies = []
    for whole in map(document_of, RICH):
        for way in keys_of(whole):
            if ".".join(step for step in way if isinstance(step, str)) == name:
                copies.append(copy.deepcopy(whole))
                part = copies[-1]
                for step in way[:-1]:
                    part = part[step]
                del part[way[-1]]
    return copies


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


@pytest.mark.parametrize("key", BY_THE_STANDARD)
def test_what_the_standard_requires_is_missed(key: str, schema: Any) -> None:
    assert damaged(key)
    for document in damaged(key):
        assert errors(document, schema)


@pytest.mark.parametrize("key", BY_CODE_HOSTS)
def test_what_code_hosts_require_is_missed(key: str) -> None:
    closed = json.loads(SUBSET.read_text())

    assert damaged(key)
    for document in damaged(key):
        assert errors(document, closed)


def test_the_schema_would_see_a_line_zero_and_a_word_that_is_none(schema: Any) -> None:
    wrong = document_of(BROKEN)
    location = wrong["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    location["region"]["startLine"] = 0
    wrong["runs"][0]["results"][0]["level"] = "fatal"

    assert len(errors(wrong, schema)) == 2


@pytest.mark.parametrize("run", DOCUMENTS.values(), ids=DOCUMENTS)
def test_results_name_rules_that_are_there(run: Run) -> None:
    (only,) = document_of(run)["runs"]
    rules = [rule["id"] for rule in only["tool"]["driver"]["rules"]]

    assert len(set(rules)) == len(rules)
    for result in only["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
    prints = [tuple(result["partialFingerprints"].values()) for result in only["results"]]
    assert len(set(prints)) == len(prints)
