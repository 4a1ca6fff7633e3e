"""`imp-graphcheck report` on a saved audit, through the installed command."""

import csv
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from imp_graphcheck.record.audit_store import AUDIT_FILE, encode_audit, save_audit
from imp_graphcheck.record.store import point_latest
from tests.reports.audits import RAN, READ

Run = Callable[..., "subprocess.CompletedProcess[str]"]
LATEST = ".graphcheck/audits/latest"


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    directory = tmp_path / ".graphcheck/audits" / RAN.id
    directory.mkdir(parents=True)
    save_audit(RAN, directory)
    point_latest(directory)
    return directory


@pytest.mark.usefixtures("saved")
@pytest.mark.parametrize(
    ("format_", "name"),
    [
        ("html", "graphcheck-20000101-000001-model.html"),
        ("json", "graphcheck-20000101-000001-model.json"),
        ("csv", "graphcheck-20000101-000001-model-sites.csv"),
        ("parquet", "graphcheck-20000101-000001-model-sites.parquet"),
        ("sarif", "graphcheck-20000101-000001-model.sarif"),
        ("md", "graphcheck-20000101-000001-model.md"),
    ],
)
def test_every_format_is_a_file_with_a_name(run: Run, tmp_path: Path, format_: str, name: str) -> None:
    if format_ == "parquet":
        pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    done = run("report", LATEST, "--format", format_)

    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{name}\n"
    assert (tmp_path / name).stat().st_size > 100
    refused = run("report", LATEST, "--format", format_)
    assert refused.returncode == 2
    assert "exists already" in refused.stderr
    assert run("report", LATEST, "--format", format_, "--force").returncode == 0


def test_a_directory_a_file_and_a_file_of_another_name(run: Run, saved: Path, tmp_path: Path) -> None:
    (tmp_path / "copy.json").write_bytes(encode_audit(RAN))

    for word in (LATEST, str(saved), str(saved / AUDIT_FILE), "copy.json"):
        done = run("report", word, "--format", "json", "-o", "-")
        assert done.returncode == 0, done.stderr
        assert done.stdout.encode() == encode_audit(RAN), word


@pytest.mark.usefixtures("saved")
def test_documents_can_be_piped(run: Run) -> None:
    sarif = json.loads(run("report", LATEST, "--format", "sarif", "-o", "-").stdout)
    assert len(sarif["runs"][0]["results"]) == 4
    rows = list(csv.DictReader(run("report", LATEST, "--format", "csv", "-o", "-").stdout.splitlines()))
    assert [row["api"] for row in rows] == [site.api for site in RAN.sites]
    assert run("report", LATEST, "--format", "md", "-o", "-").stdout.startswith("### Findings: ")


@pytest.mark.usefixtures("saved")
@pytest.mark.parametrize("columns", ["40", "80", "120"])
def test_the_table_goes_to_stdout_at_any_width(run: Run, columns: str) -> None:
    done = run("report", LATEST, "--format", "table", COLUMNS=columns)

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1].startswith(
        "cudaStreamSynchronize at engine/sample.py:41 in Sampler.pick()"
    )
    assert "\x1b" not in done.stdout
    # The name of the audit, and not of the link, which will name another one.
    assert f"saved: .graphcheck/audits/{RAN.id}/audit.json" in done.stdout
    assert "engine/load.py" not in done.stdout
    assert "engine/load.py" in run("report", LATEST, "--format", "table", "--all", COLUMNS=columns).stdout
    assert run("report", LATEST, "--format", "table", "-o", "x.txt").returncode == 2


@pytest.mark.usefixtures("saved")
def test_there_are_no_test_cases(run: Run, tmp_path: Path) -> None:
    done = run("report", LATEST, "--format", "junit")

    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "error: --format junit is for runs and bisections: an audit has no test cases.",
        "hint: use --format sarif for code hosts, or --format csv for scripts",
    ]
    assert not list(tmp_path.glob("*.xml"))


@pytest.mark.usefixtures("saved")
def test_latest_alone_is_the_latest_run(run: Run) -> None:
    done = run("report", "latest")

    assert done.returncode == 2
    assert "no run can be read" in done.stderr


def test_source_lines_are_shown(run: Run, tmp_path: Path) -> None:
    (tmp_path / "engine/src").mkdir(parents=True)
    (tmp_path / "engine/src/layer.cu").write_text("\n".join(f"line_{n}();" for n in range(1, 40)))
    assert READ.source is not None
    directory = tmp_path / "there"
    directory.mkdir()
    save_audit(replace(READ, source=replace(READ.source, directory=str(tmp_path / "engine"))), directory)

    assert '<span class="hit"><i>17</i>line_17();' in run("report", "there", "-o", "-").stdout
    assert "line_17();" not in run("report", "there", "-o", "-", "--source", "there").stdout
    uris = run("report", "there", "--format", "sarif", "-o", "-").stdout
    assert '"uri": "engine/src/layer.cu"' in uris


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"audit_version": 1, "id": "x"', "is not an audit of this tool"),
        ('{"audit_version": 99}', "has audit version 99"),
        ("[]", "is not an audit of this tool"),
    ],
)
def test_a_damaged_audit_is_bad_input(run: Run, tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / AUDIT_FILE).write_text(content)
    done = run("report", AUDIT_FILE)

    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("*.html"))
