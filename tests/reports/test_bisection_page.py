"""The page of a bisection, and its other forms."""

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest
from msgspec.structs import replace

from imp_graphcheck.record.bisection import Bisection, encode_bisection
from imp_graphcheck.record.run import Run
from imp_graphcheck.rules import RULES
from imp_reports.bisection_formats import rendered_bisection
from imp_reports.formats import Rendering
from imp_reports.page import render_bisection
from imp_reports.page.bisection_view import before
from imp_reports.page.excerpts import Sources
from imp_reports.page.facts import resolved
from tests.reports.bisections import FOUND, HOSTILE_BISECTION, NOTHING
from tests.reports.page_reader import Reader
from tests.reports.runs import BROKEN, CLEAN

SAVED = Path(".graphcheck/bisections/20000101-000001")


def page_of(bisection: Bisection, first: Run | None = None, sources: Sources | None = None) -> str:
    titles = {"GC202": "graph points at unmapped memory"}
    return render_bisection(bisection, SAVED, first=first, titles=titles, sources=sources or Sources((), ""))


def as_bytes(bisection: Bisection, name: Any) -> bytes:
    return rendered_bisection(bisection, name, Rendering(rules=RULES), directory=SAVED, first=None)


@pytest.mark.parametrize(
    "bisection", [FOUND, NOTHING, HOSTILE_BISECTION], ids=["found", "nothing", "hostile"]
)
def test_numbers_are_those_of_the_document(bisection: Bisection) -> None:
    document = json.loads(encode_bisection(bisection))
    read = Reader(page_of(bisection, CLEAN))

    assert {"/causes", "/tried", "/ruled_out", "/trials"} <= set(read.counts)
    for pointer, value in read.facts.items():
        assert json.loads(value) == resolved(document, pointer), pointer
    for pointer, value in read.counts.items():
        assert int(value) == len(resolved(document, pointer)), pointer


def test_every_intervention_has_its_numbers() -> None:
    facts = Reader(page_of(FOUND)).facts

    for n, cause in enumerate(FOUND.causes):
        for m, probe in enumerate(cause.proof):
            at = f"/causes/{n}/proof/{m}"
            assert json.loads(facts[f"{at}/wrong_calls"]) == probe.wrong_calls
            assert json.loads(facts[f"{at}/max_abs_delta"]) == probe.max_abs_delta
    assert {f"/tried/{n}/calls" for n in range(2)} <= set(facts)
    assert json.loads(facts["/trials/1/seconds"]) == 5.5


def test_status_cause_proof_and_remedy_come_first() -> None:
    shown = Reader(page_of(FOUND)).shown
    words = [
        "Cause found",
        "2 causes, 1 of them proven, mending all makes it right",
        FOUND.causes[0].finding.message,
        "allocated engine.py:120",
        "allocate the scratch buffer once",
        "3 of 7 calls wrong, max |delta| 9.5e+00",
        "without the fault: imp-graphcheck bisect qwen3-moe-tiny --device sim",
        "Proof",
        "Tried",
        "Ruled out",
        "Trials",
        "Origin",
    ]

    places = [shown.index(word) for word in words]
    assert places == sorted(places)


def test_a_proof_stands_beside_what_was_before() -> None:
    assert "as it is" not in Reader(page_of(replace(FOUND, trials=()))).shown

    page = page_of(FOUND, first=BROKEN)
    (row, *_) = re.findall(r'<tr class="before">(.*?)</tr>', page)
    assert re.findall(r">([^<>]+)<", row) == [
        "as it is",
        "nothing; the first trial",
        "wrong",
        "1",
        "13",
        "3.2e+00",
    ]


@pytest.mark.parametrize(
    ("run", "outcome"),
    [
        (CLEAN, "right"),
        (BROKEN, "wrong"),
        (replace(CLEAN, stages=(replace(CLEAN.stages[1], status="failed", detail="700"),), calls=()), "died"),
        (replace(CLEAN, stages=(replace(CLEAN.stages[1], name="compare", status="failed"),)), "wrong"),
        (replace(CLEAN, stages=(replace(CLEAN.stages[1], name="inspect", status="failed"),)), "right"),
    ],
)
def test_what_was_before(run: Run, outcome: str) -> None:
    assert before(run).outcome == outcome


def test_source_lines_are_shown(tmp_path: Path) -> None:
    (tmp_path / "engine.py").write_text("\n".join(f"    line_{n}()" for n in range(1, 200)))

    page = page_of(FOUND, sources=Sources((tmp_path,), ""))

    assert '<span class="hit"><i>120</i>line_120()' in page
    assert '<span class="hit"><i>131</i>line_131()' in page
    assert "<span><i>119</i>line_119()" in page


def test_it_needs_nothing_else() -> None:
    page = page_of(FOUND)

    assert "default-src 'none'" in page
    assert not re.search(r"https?://", page)
    assert not {tag for tag, _ in Reader(page).elements} & {"link", "img", "iframe", "script"}


def test_text_of_the_program_stays_text() -> None:
    page = page_of(HOSTILE_BISECTION)

    assert "<script" not in page
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202e]", page)
    assert "{{ 7 * 7 }}" in Reader(page).shown


def test_an_interrupted_one_says_how_to_go_on() -> None:
    shown = Reader(page_of(replace(FOUND, status="interrupted"))).shown

    assert f"to go on: imp-graphcheck bisect --resume {SAVED}" in shown


def test_json_is_the_document() -> None:
    assert as_bytes(FOUND, "json") == encode_bisection(FOUND)


def test_markdown_has_causes_proofs_and_trials() -> None:
    page = as_bytes(FOUND, "md").decode()

    assert page.startswith("### Cause found: qwen3-moe-tiny on sim: 2 causes")
    assert "- proof: 0xff in the memory of engine.py:120: 3 of 7 calls wrong, max \\|delta\\| 9.5e+00" in page
    assert "| poison | wrong | 3/7 | 9.5e+00 | 0xff in the memory of engine.py:120 |" in page
    assert "- ruled out: dead addresses in tables: none was read" in page


def test_causes_and_symptoms_are_results() -> None:
    (run,) = json.loads(as_bytes(FOUND, "sarif"))["runs"]

    assert [result["ruleId"] for result in run["results"]] == ["GC202", "GC301", "GC501"]


def test_test_views_fail_on_a_cause_and_not_on_nothing() -> None:
    assert len(Xml.fromstring(as_bytes(FOUND, "junit")).findall(".//failure")) == 4
    assert not Xml.fromstring(as_bytes(NOTHING, "junit")).findall(".//failure")


def test_findings_as_a_table() -> None:
    lines = as_bytes(FOUND, "csv").decode().splitlines()

    assert [line.split(",")[0] for line in lines] == ["code", "GC202", "GC301", "GC501"]
