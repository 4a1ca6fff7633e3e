"""An audit as SARIF: valid, one result for each site that something is wrong with, and within what code hosts take."""

import gzip
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from imp_graphcheck.record.audit import Audit, AuditSite
from imp_graphcheck.record.baseline import baseline_of, compared, fingerprints
from imp_graphcheck.rules import RULES
from imp_reports import audit_sarif as module
from imp_reports.audit_sarif import FINGERPRINT, MAX_STEPS, audit_sarif
from imp_reports.sarif_document import BASE
from tests.reports.audits import (
    CALLBACK,
    CHAIN,
    COMPARED,
    GROWTH,
    HOSTILE_AUDIT,
    MERGED,
    NAMED,
    RAN,
    READ,
    READ_DEBUG,
    READ_HANDLE,
    READ_UPLOAD,
    TRACED,
    UPLOAD,
    WAIT,
    audit_with,
    many,
)
from tests.reports.test_odd_content import TEXTS
from tests.reports.test_sarif_schema import OASIS, SUBSET, errors

AUDITS = {
    **NAMED,
    "hostile": HOSTILE_AUDIT,
    "many": many(50),
    **{f"says {name}": audit_with(text) for name, text in TEXTS.items()},
}
REPOSITORY = Path("/home/ci/repository")
GITHUB_RESULTS, GITHUB_BYTES = 25_000, 10_000_000


def document_of(audit: Audit, *roots: Path) -> Any:
    return json.loads(audit_sarif(audit, rules=RULES, roots=roots))


def run_of(audit: Audit, *roots: Path) -> Any:
    (only,) = document_of(audit, *roots)["runs"]
    return only


def results_of(audit: Audit, *roots: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = run_of(audit, *roots)["results"]
    return found


def place_of(result: dict[str, Any]) -> dict[str, Any]:
    place: dict[str, Any] = result["locations"][0]["physicalLocation"]
    return place


@pytest.fixture(params=["subset", "oasis"])
def schema(request: pytest.FixtureRequest) -> Any:
    if request.param == "subset":
        closed = json.loads(SUBSET.read_text())
        # A call of a library without debug information has a file and no line.
        closed["definitions"]["location"]["properties"]["physicalLocation"]["required"] = ["artifactLocation"]
        return closed
    if OASIS not in os.environ:
        pytest.skip(f"{OASIS} names no copy of the schema of OASIS")
    return json.loads(Path(os.environ[OASIS]).read_text())


@pytest.mark.parametrize("audit", AUDITS.values(), ids=AUDITS)
def test_documents_are_valid(audit: Audit, schema: Any) -> None:
    assert errors(document_of(audit), schema) == []


@pytest.mark.parametrize("audit", AUDITS.values(), ids=AUDITS)
def test_every_result_lies_in_a_file_or_the_upload_is_refused(audit: Audit) -> None:
    for result in results_of(audit):
        place = place_of(result)
        assert place["artifactLocation"]["uri"]
        assert place.get("region", {"startLine": 1})["startLine"] >= 1
        for step in steps_of(result):
            assert step["physicalLocation"]["region"]["startLine"] >= 1


@pytest.mark.parametrize("audit", AUDITS.values(), ids=AUDITS)
def test_results_name_rules_that_say_something(audit: Audit) -> None:
    only = run_of(audit)
    rules = only["tool"]["driver"]["rules"]

    assert len({rule["id"] for rule in rules}) == len(rules)
    for result in only["results"]:
        rule = rules[result["ruleIndex"]]
        assert rule["id"] == result["ruleId"]
        assert rule["shortDescription"]["text"]
        assert rule["help"]["text"]
    prints = [result["partialFingerprints"][FINGERPRINT] for result in only["results"]]
    assert len(set(prints)) == len(prints)


def test_what_is_no_matter_is_left_out_and_the_worst_comes_first() -> None:
    assert [(result["ruleId"], result["level"]) for result in results_of(RAN)] == [
        ("GC105", "error"),
        ("audit-syncs/callback", "error"),
        ("GC101", "error"),
        ("GC103", "warning"),
    ]
    assert [result["ruleId"] for result in results_of(READ)] == ["GC105", "GC104"]
    assert results_of(replace(READ, sites=(READ_DEBUG,))) == []


def test_a_message_says_call_verdict_guard_modes_and_remedy() -> None:
    (upload, handle) = (result["message"]["text"] for result in results_of(READ))

    assert upload == (
        "cudaMemcpyAsync (copy from the host) in upload(). Recorded, and host memory is read or written again at each "
        'replay: every replay reads the host address again; if getenv("DEBUG") && n > 0. To do: copy into a static '
        "device buffer before the replay."
    )
    for words in (
        "perhaps reached; if !(handle); the first call only; nothing makes it before",
        "Global and thread_local mode refuse it: 900 cudaErrorStreamCaptureUnsupported; relaxed mode allows it",
        "To do: make it once before the capture, in the same thread.",
    ):
        assert words in handle


def test_paths_lead_from_the_root_of_the_repository() -> None:
    """The directory that was read lies below it; its files are named from there."""
    (inside, _) = results_of(READ, REPOSITORY)
    (elsewhere, _) = results_of(READ, Path("/somewhere"))

    assert place_of(inside) == {
        "artifactLocation": {"uri": "engine/src/layer.cu", "uriBaseId": BASE},
        "region": {"startLine": 17},
    }
    assert place_of(elsewhere)["artifactLocation"] == {"uri": "src/layer.cu", "uriBaseId": BASE}
    steps = [step["physicalLocation"]["artifactLocation"]["uri"] for step in steps_of(inside)]
    assert steps == ["engine/src/engine.cu", "engine/src/layer.cu", "engine/src/layer.cu"]


def test_a_relative_directory_is_relative_to_the_root() -> None:
    assert READ.source is not None
    audit = replace(READ, source=replace(READ.source, directory="./engine/"))
    above = replace(READ, source=replace(READ.source, directory=".."))

    assert place_of(results_of(audit)[0])["artifactLocation"]["uri"] == "engine/src/layer.cu"
    assert place_of(results_of(above)[0])["artifactLocation"]["uri"] == "src/layer.cu"


def test_files_of_a_run_are_named_from_the_root_already() -> None:
    outside = replace(WAIT, file="/venv/lib/a b.py", stack=())
    audit = replace(
        RAN, headline=None, sites=(WAIT, outside, replace(WAIT, file="/src/engine/x.py", stack=()))
    )

    uris = sorted(place_of(result)["artifactLocation"]["uri"] for result in results_of(audit, Path("/src")))

    assert uris == ["engine/sample.py", "engine/x.py", "file:///venv/lib/a%20b.py"]
    merged = {place_of(result)["artifactLocation"]["uri"] for result in results_of(MERGED, REPOSITORY)}
    assert merged == {"engine/src/layer.cu", "engine/src/blas.cu", "file:///opt/lib/other.cpp"}


def test_what_was_seen_and_not_read_is_named_from_the_directory_if_it_lies_there(tmp_path: Path) -> None:
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine/generated.py").write_text("")
    assert MERGED.source is not None
    seen = (replace(WAIT, file="generated.py", stack=()), replace(WAIT, file="tools/main.py", stack=()))
    audit = replace(MERGED, sites=seen, source=replace(MERGED.source, directory=str(tmp_path / "engine")))

    uris = [place_of(result)["artifactLocation"]["uri"] for result in results_of(audit, tmp_path)]

    assert uris == ["engine/generated.py", "tools/main.py"]


def test_uploads_of_one_program_are_of_one_category() -> None:
    ids = [run_of(audit)["automationDetails"]["id"] for audit in (RAN, READ, replace(READ, id="later"))]

    assert [id_.rpartition("/")[0] for id_ in ids] == [
        "imp-graphcheck/audit-syncs/model",
        "imp-graphcheck/audit-syncs/Engine::forward_logits in engine",
        "imp-graphcheck/audit-syncs/Engine::forward_logits in engine",
    ]


def test_a_flow_goes_from_the_entry_to_the_call() -> None:
    steps = steps_of(results_of(READ)[0])

    assert [(step["message"]["text"], step["physicalLocation"]["region"]["startLine"]) for step in steps] == [
        ("calls Layer::run()", 120),
        ("calls upload()", 44),
        ("calls cudaMemcpyAsync", 17),
    ]
    assert [step["logicalLocations"][0]["fullyQualifiedName"] for step in steps] == [
        "Engine::forward_logits",
        "Layer::run",
        "upload",
    ]


def test_a_stack_is_a_flow_down_to_the_site_and_no_further() -> None:
    steps = steps_of(next(result for result in results_of(RAN) if result["ruleId"] == "GC101"))

    assert [step["message"]["text"] for step in steps] == ["in forward()", "in Sampler.pick()"]


def test_a_deep_chain_keeps_both_ends() -> None:
    deep = tuple(replace(CHAIN[2], function=f"f{n}", line=n + 1) for n in range(5000))
    (result,) = results_of(replace(READ, sites=(replace(READ_UPLOAD, chain=deep),)))
    steps = steps_of(result)

    assert len(steps) == MAX_STEPS
    assert steps[0]["message"]["text"] == "calls f0()"
    assert steps[-1]["message"]["text"] == "calls cudaMemcpyAsync"


def test_without_a_line_there_is_no_region_and_without_a_file_no_result() -> None:
    only = run_of(TRACED)
    (result,) = only["results"]
    said = [each["message"]["text"] for each in only["invocations"][0]["toolExecutionNotifications"]]

    assert place_of(result) == {"artifactLocation": {"uri": "libengine.so%2B0x41c0", "uriBaseId": BASE}}
    assert [text for text in said if "cudaMemcpyAsync" in text], "a site of no file is told all the same"


def test_a_site_without_a_file_lies_where_the_way_to_it_is_known() -> None:
    lost = replace(WAIT, file="<unknown>", line=0)
    (result,) = results_of(replace(RAN, headline=None, sites=(lost,)))

    assert place_of(result)["region"] == {"startLine": 1001}


@pytest.mark.parametrize(
    ("status", "ended", "levels"),
    [("complete", True, []), ("partial", False, ["warning"]), ("failed", False, ["error"])],
)
def test_an_audit_that_did_not_end_says_so(status: Any, ended: bool, levels: list[str]) -> None:
    (invocation,) = run_of(replace(READ, status=status, status_reason="it died"))["invocations"]

    assert invocation["executionSuccessful"] is ended
    assert [each["level"] for each in invocation.get("toolExecutionNotifications", [])] == levels


def test_the_call_that_failed_first_is_told_with_the_error_that_hid_it() -> None:
    (invocation,) = run_of(RAN)["invocations"]
    (told,) = invocation["toolExecutionNotifications"]

    assert told["level"] == "error"
    assert "cudaStreamSynchronize at engine/sample.py:41" in told["message"]["text"]
    assert "operation failed due to a previous error" in told["message"]["text"]


def moved(sites: tuple[AuditSite, ...], lines: int) -> tuple[AuditSite, ...]:
    return tuple(replace(site, line=site.line + lines) for site in sites)


def test_fingerprints_are_those_of_the_baseline_and_survive_edits_above() -> None:
    before, after = results_of(READ), results_of(replace(READ, sites=moved(READ.sites, 40)))
    other = results_of(replace(READ, sites=(replace(READ_UPLOAD, text="cudaMemcpyAsync(other)"),)))

    prints = [result["partialFingerprints"][FINGERPRINT] for result in before]
    assert prints == fingerprints(READ.sites)[:2]
    assert prints == [result["partialFingerprints"][FINGERPRINT] for result in after]
    assert other[0]["partialFingerprints"][FINGERPRINT] not in prints


def test_a_baseline_tells_new_from_unchanged() -> None:
    states = {result["ruleId"]: result["baselineState"] for result in results_of(COMPARED)}
    assert states == {"GC105": "unchanged", "GC104": "new"}
    assert [result["ruleId"] for result in results_of(COMPARED)] == ["GC104", "GC105"], (
        "what is new comes first"
    )
    assert not [result for result in results_of(READ) if "baselineState" in result]

    against = baseline_of((READ_HANDLE,))
    sites, _ = compared(moved(READ.sites, 3), against)
    states = {result["ruleId"]: result["baselineState"] for result in results_of(replace(READ, sites=sites))}
    assert states == {"GC105": "new", "GC104": "unchanged"}


def test_what_is_known_of_a_site_comes_along() -> None:
    properties = {result["ruleId"]: result["properties"] for result in results_of(RAN)}

    assert properties["GC105"] == {
        "class": "h2d",
        "verdict": "rereads host",
        "reachable": "yes",
        "host": "pageable",
        "count": UPLOAD.count,
        "bytes": UPLOAD.bytes_total,
        "phases": UPLOAD.phases,
        "origins": ["run"],
    }
    assert properties["GC103"]["modes"] == GROWTH.modes
    assert properties["audit-syncs/callback"]["count"] == CALLBACK.count


def test_twenty_thousand_sites_fit() -> None:
    audit = many(20_000)
    start = time.perf_counter()
    data = audit_sarif(audit, rules=RULES, roots=(REPOSITORY,))
    took = time.perf_counter() - start

    results = json.loads(data)["runs"][0]["results"]
    assert len(results) == sum(site.severity is not None for site in audit.sites) == 12_000 < GITHUB_RESULTS
    assert len(gzip.compress(data)) < GITHUB_BYTES
    levels = [result["level"] for result in results]
    assert levels == sorted(levels), "errors before warnings: a code host keeps the first few thousand"
    assert took < 60


def test_more_results_than_fit_are_left_out_aloud(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_RESULTS", 4)
    only = run_of(many(10))

    assert len(only["results"]) == 4
    (told,) = only["invocations"][0]["toolExecutionNotifications"]
    assert told["message"]["text"] == "2 sites left out: 4 results fit into one run"


def steps_of(result: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        step["location"]
        for flow in result.get("codeFlows", [])
        for thread in flow["threadFlows"]
        for step in thread["locations"]
    ]
