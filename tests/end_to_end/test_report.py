"""`imp-graphcheck report` on a saved run, through the installed command."""

import copy
import csv
import json
import re
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]
EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@pytest.fixture
def saved(run: Run, tmp_path: Path) -> dict[str, Any]:
    """A run with findings in .graphcheck of the working directory."""
    assert run("capture", f"{EXAMPLES / 'wrong.py'}:target", "--device", "sim", "-q").returncode == 1
    document: dict[str, Any] = json.loads((tmp_path / ".graphcheck/runs/latest/run.json").read_text())
    return document


class Numbers(HTMLParser):
    """Collects the numbers of a page with their places in the document."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self.counts: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        held = dict(attrs)
        if tag == "data" and held.get("value") is not None:
            for place, into in (("data-run", self.values), ("data-count", self.counts)):
                if held.get(place) is not None:
                    into[str(held[place])] = str(held["value"])


def at(document: Any, pointer: str) -> Any:
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        document = document[int(name)] if isinstance(document, list) else document[name]
    return document


def test_page_stands_alone_and_its_numbers_are_those_of_the_document(
    run: Run, tmp_path: Path, saved: dict[str, Any]
) -> None:
    done = run("report")
    assert done.returncode == 0, done.stderr
    page = (tmp_path / done.stdout.strip()).read_text()
    assert done.stdout.strip() == f"graphcheck-{saved['id']}.html"
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)
    assert "@import" not in page
    numbers = Numbers()
    numbers.feed(page)
    assert len(numbers.values) > 10
    assert all(json.loads(value) == at(saved, place) for place, value in numbers.values.items())
    assert all(int(value) == len(at(saved, place)) for place, value in numbers.counts.items())
    assert all(finding["code"] in page for finding in saved["findings"])


def test_document_again(run: Run, saved: dict[str, Any]) -> None:
    done = run("report", "latest", "--format", "json", "-o", "-")
    assert json.loads(done.stdout) == saved


def test_files_are_not_overwritten_unasked(run: Run, tmp_path: Path, saved: dict[str, Any]) -> None:
    (tmp_path / "page.html").write_text("mine")
    refused = run("report", "-o", "page.html")
    assert refused.returncode == 2
    assert "page.html exists already" in refused.stderr
    assert (tmp_path / "page.html").read_text() == "mine"
    assert run("report", "-o", "page.html", "--force").returncode == 0
    assert "<html" in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no run can be read"),
        ("{", "is not a run of this tool"),
        ('{"some": "json"}', "is not a run of this tool"),
        ('{"schema_version": 99}', "reads up to 2"),
    ],
)
def test_what_is_no_run(run: Run, tmp_path: Path, content: str | None, words: str) -> None:
    if content is not None:
        (tmp_path / "run.json").write_text(content)
    done = run("report", "run.json")
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_run_of_version_1_is_read(run: Run, tmp_path: Path, saved: dict[str, Any]) -> None:
    """Its nodes held their launching lines themselves, and there was no memory."""
    old = {**copy.deepcopy(saved), "schema_version": 1}
    del old["memory"]
    for graph in old["graphs"]:
        sites = graph.pop("sites")
        for node in graph["nodes"]:
            place = node.pop("launch")
            node["launch_site"] = None if place is None else sites[place]
            for name in ("op", "grid", "block", "shared_bytes", "params"):
                node.pop(name)
    (tmp_path / "old.json").write_text(json.dumps(old))
    done = run("report", "old.json", "--format", "json", "-o", "-")
    assert done.returncode == 0, done.stderr
    read = json.loads(done.stdout)
    assert read["schema_version"] == 2
    assert read["graphs"][0]["sites"] == saved["graphs"][0]["sites"]
    assert read["graphs"][0]["nodes"][0]["launch"] == saved["graphs"][0]["nodes"][0]["launch"]


def test_findings_as_a_table(run: Run, saved: dict[str, Any]) -> None:
    done = run("report", "latest", "--format", "csv", "-o", "-")
    rows = list(csv.DictReader(done.stdout.splitlines()))
    assert [row["code"] for row in rows] == [finding["code"] for finding in saved["findings"]]
    assert [row["message"] for row in rows] == [finding["message"] for finding in saved["findings"]]


def test_findings_for_code_hosts(run: Run, saved: dict[str, Any]) -> None:
    document = json.loads(run("report", "latest", "--format", "sarif", "-o", "-").stdout)
    assert document["version"] == "2.1.0"
    (only,) = document["runs"]
    assert [result["ruleId"] for result in only["results"]] == [f["code"] for f in saved["findings"]]
    assert {rule["id"] for rule in only["tool"]["driver"]["rules"]} >= {f["code"] for f in saved["findings"]}


def test_findings_for_test_views(run: Run, saved: dict[str, Any]) -> None:
    root = ElementTree.fromstring(run("report", "latest", "--format", "junit", "-o", "-").stdout)
    cases = root.findall(".//testcase")
    assert len(cases) > len(saved["calls"])
    assert root.findall(".//failure")


def test_findings_for_people(run: Run, saved: dict[str, Any]) -> None:
    page = run("report", "latest", "--format", "md", "-o", "-").stdout
    assert page.startswith("### Findings: running mean")
    assert all(finding["code"] in page for finding in saved["findings"])


def test_inspect_shows_nodes_and_who_owns_what_they_touch(run: Run, saved: dict[str, Any]) -> None:
    done = run("inspect", "latest")
    assert done.returncode == 0, done.stderr
    assert "self.rows" in done.stdout
    assert "aten.mean.dim" in done.stdout
    assert f"{len(saved['graphs'][0]['nodes'])} node" in done.stdout


def test_inspect_filters(run: Run, saved: dict[str, Any]) -> None:
    document = json.loads(run("inspect", "latest", "--op", "mean", "--format", "json").stdout)
    names = [node["node"]["name"] for graph in document["graphs"] for node in graph["nodes"]]
    assert names == ["aten.mean.out"]
    nothing = json.loads(run("inspect", "latest", "--op", "no_such_op", "--format", "json").stdout)
    assert not any(graph["nodes"] for graph in nothing["graphs"])


def test_diff_of_a_run_with_itself_and_with_another(run: Run, tmp_path: Path, saved: dict[str, Any]) -> None:
    first = str(Path(".graphcheck") / "runs" / saved["id"])
    assert run("diff", first, first).returncode == 0
    assert run("capture", f"{EXAMPLES / 'right.py'}:target", "--device", "sim", "-q").returncode == 0
    other = run("diff", first, "latest")
    assert other.returncode == 1
    assert "GC301" in other.stdout
