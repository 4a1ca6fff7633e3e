"""The forms that other programs read: SARIF, JUnit, tables, and Markdown for people elsewhere."""

import json
import re
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pandas
import pytest
from msgspec.structs import fields, replace
from rich.console import Console

from imp_graphcheck.record.run import CallComparison, Run
from imp_graphcheck.record.store import encode_run
from imp_graphcheck.rules import RULES
from imp_reports.console import print_headline
from imp_reports.formats import FILE_FORMATS, SUFFIXES, FileFormat, Rendering, rendered
from imp_reports.markdown import markdown
from imp_reports.sarif import FINGERPRINT
from imp_reports.sarif_document import BASE
from imp_reports.tables import TABLE_NAMES, TableName, table
from tests.reports.large import HOSTILE, hostile, large
from tests.reports.runs import BROKEN, CLEAN, FREED

RUNS = pytest.mark.parametrize(
    "run", [CLEAN, BROKEN, large(), hostile()], ids=["clean", "broken", "large", "hostile"]
)


def as_bytes(
    run: Run, name: FileFormat, *, roots: tuple[Path, ...] = (), table: TableName = "findings"
) -> bytes:
    return rendered(run, name, Rendering(rules=RULES, roots=roots, table=table))


@RUNS
@pytest.mark.parametrize("name", [name for name in FILE_FORMATS if name != "parquet"])
def test_every_format_takes_every_run(run: Run, name: FileFormat) -> None:
    assert as_bytes(run, name)


def test_formats_have_names_of_their_own() -> None:
    assert set(SUFFIXES) == set(FILE_FORMATS)
    assert len(set(SUFFIXES.values())) == len(SUFFIXES)


def test_json_is_the_document() -> None:
    assert as_bytes(BROKEN, "json") == encode_run(BROKEN)


class TestSarif:
    """The structure that the 2.1.0 schema requires, and what code hosts need beyond it."""

    @RUNS
    def test_structure(self, run: Run) -> None:
        document = json.loads(as_bytes(run, "sarif"))

        assert document["version"] == "2.1.0"
        assert document["$schema"].endswith("sarif-schema-2.1.0.json")
        (only,) = document["runs"]
        driver = only["tool"]["driver"]
        assert driver["name"] == "imp-graphcheck"
        rules = [rule["id"] for rule in driver["rules"]]
        assert len(rules) == len(set(rules))
        assert len(only["results"]) == len(run.findings)
        for result in only["results"]:
            assert rules[result["ruleIndex"]] == result["ruleId"]
            assert result["level"] in ("error", "warning", "note")
            assert result["message"]["text"]
            assert result["locations"]
            for location in [*result["locations"], *steps_of(result)]:
                check_location(location)
        prints = [result["partialFingerprints"][FINGERPRINT] for result in only["results"]]
        assert len(prints) == len(set(prints))

    def test_flow_goes_from_allocation_over_free_to_launch(self) -> None:
        (result,) = results(large())

        assert [step["message"]["text"] for step in steps_of(result)] == [
            "allocated in forward()",
            "freed in forward()",
            "launched in forward()",
        ]
        assert result["locations"][0]["physicalLocation"]["region"] == {"startLine": 11}

    def test_a_fingerprint_survives_edits_above_the_line(self) -> None:
        site = FREED.allocation_site
        assert site is not None
        moved = replace(FREED, allocation_site=replace(site, line=site.line + 40), node=99)
        other = replace(FREED, argument="3")

        same, shifted, different = (
            results(replace(CLEAN, findings=(finding,)))[0]["partialFingerprints"][FINGERPRINT]
            for finding in (FREED, moved, other)
        )

        assert same == shifted != different

    def test_paths_are_relative_to_the_sources(self) -> None:
        site = FREED.allocation_site
        assert site is not None
        inside = replace(FREED, allocation_site=replace(site, file="/src/project/a b.py"), free_site=None)
        outside = replace(FREED, allocation_site=replace(site, file="/elsewhere/b.py"), free_site=None)
        run = replace(CLEAN, findings=(inside, outside))

        uris = [
            result["locations"][0]["physicalLocation"]["artifactLocation"]
            for result in results(run, roots=(Path("/src"),))
        ]

        assert uris == [{"uri": "project/a%20b.py", "uriBaseId": BASE}, {"uri": "file:///elsewhere/b.py"}]

    @pytest.mark.parametrize(
        ("verdict", "ended", "level"),
        [("clean", True, None), ("inconclusive", True, "warning"), ("interrupted", False, "error")],
    )
    def test_a_run_that_proved_nothing_says_so(self, verdict: Any, ended: bool, level: str | None) -> None:
        document = json.loads(as_bytes(replace(CLEAN, verdict=verdict), "sarif"))
        (invocation,) = document["runs"][0]["invocations"]

        assert invocation["executionSuccessful"] is ended
        told = invocation.get("toolExecutionNotifications", [])
        assert [notification["level"] for notification in told] == ([level] if level else [])


def results(run: Run, roots: tuple[Path, ...] = ()) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(as_bytes(run, "sarif", roots=roots))["runs"][0]["results"]
    return found


def steps_of(result: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        step["location"]
        for flow in result.get("codeFlows", [])
        for thread in flow["threadFlows"]
        for step in thread["locations"]
    ]


def check_location(location: dict[str, Any]) -> None:
    physical = location.get("physicalLocation")
    if physical is None:
        assert location["logicalLocations"][0]["fullyQualifiedName"]
        return
    artifact = physical["artifactLocation"]
    assert re.fullmatch(r"[A-Za-z0-9._~%/:-]+", artifact["uri"]), artifact
    assert artifact["uri"].startswith("file://") or artifact["uriBaseId"] == BASE
    assert physical["region"]["startLine"] >= 1


class TestJunit:
    @RUNS
    def test_one_case_per_call_and_finding_and_one_for_the_verdict(self, run: Run) -> None:
        suites = Xml.fromstring(as_bytes(run, "junit"))

        assert [(suite.get("name"), len(suite)) for suite in suites] == [
            ("verdict", 1),
            ("calls", len(run.calls)),
            ("findings", len(run.findings)),
        ]
        for suite in (suites, *suites):
            for count, element in (
                ("tests", "testcase"),
                ("failures", "testcase/failure"),
                ("errors", "testcase/error"),
                ("skipped", "testcase/skipped"),
            ):
                assert suite.get(count) == str(len(suite.findall(f".//{element}"))), (
                    suite.get("name"),
                    count,
                )

    def test_a_failure_carries_the_verdict_the_cause_and_what_to_do(self) -> None:
        file = StringIO()
        print_headline(BROKEN, Console(file=file, width=400))
        terminal = [" ".join(line.split()) for line in file.getvalue().splitlines()[:3]]

        (failure,) = Xml.fromstring(as_bytes(BROKEN, "junit")).findall(
            "testsuite[@name='verdict']/testcase/failure"
        )

        assert [" ".join(line.split()) for line in (failure.text or "").splitlines()] == terminal
        (found,) = Xml.fromstring(as_bytes(BROKEN, "junit")).findall(
            "testsuite[@name='findings']/testcase/failure"
        )
        assert FREED.message in found.attrib["message"]
        assert (found.text or "").splitlines()[0] == f"do: {FREED.remedy}"

    def test_calls_that_differ_fail(self) -> None:
        run = large(2, compared=6)
        cases = Xml.fromstring(as_bytes(run, "junit")).findall("testsuite[@name='calls']/testcase")

        failed = [case.find("failure") is not None for case in cases]
        assert failed == [call.agreement not in ("identical", "noise") for call in run.calls]

    @pytest.mark.parametrize(
        ("verdict", "outcome"),
        [
            ("clean", None),
            ("findings", "failure"),
            ("inconclusive", "skipped"),
            ("interrupted", "error"),
            ("running", "error"),
        ],
    )
    def test_the_verdict_is_a_case(self, verdict: Any, outcome: str | None) -> None:
        suites = Xml.fromstring(as_bytes(replace(CLEAN, verdict=verdict, verdict_reason="because"), "junit"))
        (case,) = suites.findall("testsuite[@name='verdict']/testcase")

        assert [child.tag for child in case] == ([outcome] if outcome else [])

    def test_a_warning_does_not_fail(self) -> None:
        cases = Xml.fromstring(as_bytes(BROKEN, "junit")).findall("testsuite[@name='findings']/testcase")

        assert [[child.tag for child in case] for case in cases] == [["failure"], ["system-out"]]


class TestTables:
    @RUNS
    @pytest.mark.parametrize("name", TABLE_NAMES)
    def test_csv_reads_back(self, run: Run, name: TableName) -> None:
        expected = table(run, name)
        read = pandas.read_csv(
            BytesIO(as_bytes(run, "csv", table=name)),
            dtype=expected.dtypes.to_dict(),
            keep_default_na=False,
            na_values=[""],
        )

        assert list(read.columns) == list(expected.columns)
        assert len(read) == len(expected)

    def test_a_missing_integer_does_not_make_floats(self) -> None:
        text = as_bytes(BROKEN, "csv").decode()

        assert ",17," in text
        assert "17.0" not in text

    def test_figures_are_kept_to_the_last_digit(self) -> None:
        third = replace(CLEAN, calls=tuple(replace(call, max_abs_delta=1 / 3) for call in CLEAN.calls))
        read = pandas.read_csv(StringIO(as_bytes(third, "csv", table="calls").decode()))

        assert (read["max_abs_delta"] == 1 / 3).all()

    def test_calls_have_every_field(self) -> None:
        assert list(table(CLEAN, "calls").columns) == [field.name for field in fields(CallComparison)]

    def test_pointers_know_their_owners(self) -> None:
        run = large(10)
        pointers = table(run, "pointers")

        dead = pointers[pointers["standing"] == "unmapped"]
        assert set(dead["owner"]) == {"engine.scratch"}
        assert list(dead["node"]) == [10 * layer + 3 for layer in range(10)]
        assert len(table(run, "nodes")) == 100
        assert len(table(run, "memory")) == len(run.memory)

    def test_parquet_keeps_the_types(self) -> None:
        pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
        expected = table(large(2), "nodes")

        read = pandas.read_parquet(BytesIO(as_bytes(large(2), "parquet", table="nodes")))

        pandas.testing.assert_frame_equal(read, expected, check_dtype=False)


class TestMarkdown:
    def test_verdict_findings_and_calls(self) -> None:
        page = markdown(BROKEN)

        assert page.startswith("### Findings: qwen3-moe-tiny on sim: 1 error, 1 warning\n")
        assert page.index("**GC202**") < page.index("**GC304**")
        assert "- allocated at `engine.py:120` in `forward`" in page
        assert "1 of 13 compared calls differ from eager" in page

    def test_text_of_the_program_stays_text(self) -> None:
        page = markdown(hostile())

        assert "<script" not in page.replace("<details>", "").replace(f"`{HOSTILE[:20]}", "").split("`")[0]
        assert "\x1b" not in page
        assert not re.search(r"@\w", markdown(replace(CLEAN, verdict_reason="ask @maintainers")))

    def test_a_cell_stays_a_cell(self) -> None:
        run = replace(CLEAN, stages=(replace(CLEAN.stages[0], detail="a | b\nc"),))
        (row,) = [line for line in markdown(run).splitlines() if line.startswith("| load")]

        assert len(re.findall(r"(?<!\\)\|", row)) == 5
