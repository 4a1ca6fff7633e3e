"""`imp-graphcheck audit-syncs`, from the outside: its three ways, exit codes, formats, baselines, and bad input."""

import csv
import io
import json
import re
from pathlib import Path

import pytest

from imp_graphcheck.record.audit import Audit
from imp_graphcheck.record.audit_store import load_audit
from tests.cli.conftest import Cli

FAULTY = "imp_graphcheck.faults.programs.audited:ReadsItem"
CLEAN = "imp_graphcheck.faults.programs.audited:NumberBefore"

SOURCE = """
#include <cuda_runtime.h>

void grow(float** where) {
    cudaMalloc(where, 64);
}

void forward(float* out, const float* in, cudaStream_t stream) {
    cudaMemcpyAsync(out, in, 64, cudaMemcpyHostToDevice, stream);
    cudaStreamSynchronize(stream);
}
"""
PYTHON = """
import torch


def forward(x: torch.Tensor) -> torch.Tensor:
    return x * x.sum().item()
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "engine"
    folder.mkdir()
    (folder / "forward.cu").write_text(SOURCE)
    return folder


def latest(folder: Path) -> Audit:
    return load_audit(folder / ".graphcheck" / "audits" / "latest")


def line_of(text: str, source: str = SOURCE) -> int:
    return next(number for number, line in enumerate(source.splitlines(), start=1) if text in line)


class TestRunning:
    def test_the_first_lines_name_the_call_its_line_and_the_mend(self, cli: Cli, tmp_path: Path) -> None:
        result = cli("audit-syncs", FAULTY, "--device", "sim", "-q", environment={"COLUMNS": "200"})
        assert (result.returncode, result.stderr) == (1, "")
        head = "\n".join(result.stdout.splitlines()[:3])
        assert head.startswith("FINDINGS")
        assert "cudaStreamSynchronize" in head
        assert re.search(r"audited\.py:\d+", head)
        assert "900 cudaErrorStreamCaptureUnsupported" in head
        assert "do:" in head
        audit = latest(tmp_path)
        assert audit.headline is not None
        assert audit.command == ("imp-graphcheck", "audit-syncs", FAULTY, "--device", "sim", "-q")

    def test_a_clean_program_is_clean(self, cli: Cli, tmp_path: Path) -> None:
        result = cli("audit-syncs", CLEAN, "--device", "sim")
        assert (result.returncode, result.stdout.split()[0]) == (0, "CLEAN")
        stages = [line.split("  ")[0] for line in result.stderr.splitlines()]
        assert stages == [
            *("load", "prewarm", "warm-up", "eager", "capture", "replay"),
            *("cold load", "cold pass"),
        ]
        assert latest(tmp_path).status == "complete"

    def test_without_the_cold_pass_it_is_one_process(self, cli: Cli) -> None:
        result = cli("audit-syncs", CLEAN, "--device", "sim", "--no-cold")
        assert result.returncode == 0
        assert "cold" not in result.stderr

    def test_without_a_model_it_takes_the_latest_run(self, cli: Cli, tmp_path: Path) -> None:
        assert cli("capture", "fake:clean", "-q").returncode == 0
        result = cli("audit-syncs", "-q")
        # The stand-in of a run's child knows this target, and nobody else does.
        assert result.returncode == 2
        assert "fake" in result.stderr

    def test_nothing_captured_proves_nothing(self, cli: Cli, tmp_path: Path) -> None:
        switched_off = {"IMP_PREFILL_GRAPH": "0"}
        size = ("--pp", "64", "--chunk", "32", "--requests", "1")
        result = cli(
            *("audit-syncs", "qwen3-tiny", "--device", "sim", "-q", "--no-cold", *size),
            environment=switched_off,
        )
        assert result.returncode == 125, result.stdout
        assert "nothing was captured" in result.stdout
        assert not result.stdout.startswith("CLEAN")


class TestReading:
    def test_sites_have_their_lines_and_the_exit_code_says_so(self, cli: Cli, tree: Path) -> None:
        result = cli("audit-syncs", "--source", str(tree), "--entry", "forward", "-q")
        assert (result.returncode, result.stderr) == (1, "")
        head = "\n".join(result.stdout.splitlines()[:3])
        assert head.startswith("FINDINGS")
        assert f"forward.cu:{line_of('Synchronize')}" in head
        assert "1 of 2" not in head
        audit = latest(tree.parent)
        found = {(site.line, site.api, site.reachable) for site in audit.sites}
        assert found == {
            (line_of("cudaMalloc"), "cudaMalloc", "no"),
            (line_of("cudaMemcpyAsync"), "cudaMemcpyAsync", "yes"),
            (line_of("Synchronize"), "cudaStreamSynchronize", "yes"),
        }
        assert {site.file for site in audit.sites} == {"forward.cu"}

    def test_repaired_it_is_silent(self, cli: Cli, tree: Path) -> None:
        lines = [
            line for line in SOURCE.splitlines() if "Synchronize" not in line and "MemcpyAsync" not in line
        ]
        (tree / "forward.cu").write_text("\n".join(lines))
        result = cli("audit-syncs", "--source", str(tree), "--entry", "forward", "-q")
        assert (result.returncode, result.stdout.split()[0]) == (0, "CLEAN")

    def test_the_language_is_that_of_the_tree(self, cli: Cli, tree: Path) -> None:
        (tree / "forward.cu").unlink()
        (tree / "model.py").write_text(PYTHON)
        result = cli("audit-syncs", "--source", str(tree), "--entry", "forward")
        assert result.returncode == 1
        assert "1 Python files" in result.stderr
        assert f"model.py:{line_of('item', PYTHON)}" in result.stdout

    def test_beside_a_program_that_is_run(self, cli: Cli, tmp_path: Path) -> None:
        (tmp_path / "mine.py").write_text(
            "from imp_graphcheck.faults.programs.base import Doubling\n"
            "class Target(Doubling):\n"
            "    def forward(self, call):\n"
            "        return self.x * self.x.sum().item()\n"
            "    def unused(self):\n"
            "        return self.x.cpu()\n"
        )
        result = cli(
            *("audit-syncs", "mine.py:Target", "--device", "sim", "--no-cold", "-q"),
            *("--source", str(tmp_path), "--entry", "Target.forward"),
        )
        assert result.returncode == 1
        audit = latest(tmp_path)
        at_item = [site for site in audit.sites if site.line == 4 and site.file == "mine.py"]
        assert {site.kind for site in at_item} == {"d2h", "alloc"}, "the result of sum() takes memory"
        (item,) = [site for site in at_item if site.kind == "d2h"]
        assert (item.api, item.kind, item.fate) == ("Tensor.item", "d2h", "forbidden")
        assert item.origins == ("source", "run")
        assert item.count == sum(item.phases.values())
        assert {"warm-up", "eager"} <= set(item.phases)
        assert "seen as cudaStreamSynchronize (sync), cudaMemcpyAsync (d2h)" in item.notes
        (unused,) = [site for site in audit.sites if site.line == 6 and site.file == "mine.py"]
        assert (unused.api, unused.count) == ("Tensor.cpu", 0)
        missed = [site for site in audit.sites if "reading the source did not find it" in site.notes]
        assert not [site.place for site in missed if site.file == "mine.py"]
        assert audit.source is not None
        assert audit.source.language == "python"


class TestFormats:
    @pytest.mark.parametrize("name", ["json", "csv", "sarif", "html", "md"])
    def test_stdout_carries_the_document_alone(self, cli: Cli, tree: Path, name: str) -> None:
        result = cli("audit-syncs", "--source", str(tree), "--entry", "forward", "--format", name)
        assert result.returncode == 1
        assert result.stderr.startswith("source")
        if name == "json":
            assert json.loads(result.stdout)["sites"]
        elif name == "csv":
            rows = list(csv.DictReader(io.StringIO(result.stdout)))
            assert {row["class"] for row in rows} == {"alloc", "h2d", "sync"}
            assert {row["file"] for row in rows} == {"forward.cu"}
        elif name == "sarif":
            (run,) = json.loads(result.stdout)["runs"]
            assert {found["ruleId"] for found in run["results"]} == {"GC101", "GC105"}
        else:
            assert "forward.cu" in result.stdout

    def test_the_saved_audit_is_rendered_again(self, cli: Cli, tree: Path) -> None:
        first = cli("audit-syncs", "--source", str(tree), "--entry", "forward", "--format", "json", "-q")
        again = cli("report", ".graphcheck/audits/latest", "--format", "json", "-o", "-")
        assert again.returncode == 0
        assert json.loads(again.stdout) == json.loads(first.stdout)


class TestBaselines:
    def test_only_new_sites_fail(self, cli: Cli, tree: Path) -> None:
        command = ("audit-syncs", "--source", str(tree), "--entry", "forward", "-q")
        assert cli(*command, "--write-baseline", "known.json").returncode == 1
        assert cli(*command, "--baseline", "known.json").returncode == 0
        moved = SOURCE.replace("void forward", "// a line above\n\nvoid forward")
        (tree / "forward.cu").write_text(moved)
        assert cli(*command, "--baseline", "known.json").returncode == 0
        (tree / "forward.cu").write_text(
            moved.replace(
                "    cudaStreamSynchronize(stream);", "    cudaStreamSynchronize(stream);\n    grow(&out);"
            )
        )
        result = cli(*command, "--baseline", "known.json")
        assert result.returncode == 1
        assert "cudaMalloc" in result.stdout.splitlines()[1]

    def test_a_site_that_is_gone_is_said(self, cli: Cli, tree: Path) -> None:
        command = ("audit-syncs", "--source", str(tree), "--entry", "forward", "-q")
        cli(*command, "--write-baseline", "known.json")
        (tree / "forward.cu").write_text(SOURCE.replace("    cudaStreamSynchronize(stream);\n", ""))
        result = cli(*command, "--baseline", "known.json")
        assert result.returncode == 0
        assert "1 site that known.json knows" in " ".join(result.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--entry", "forward"), "name its folder with --source"),
        (("--source", "engine"), "at least one --entry"),
        (("--source", "nowhere", "--entry", "forward"), "no such directory"),
        (("--source", "empty", "--entry", "forward"), "no C++, CUDA or Python files"),
        (("--source", "engine", "--entry", "forwrad"), "did you mean forward"),
        (("--source", "engine", "--entry", "forward", "--baseline", "none.json"), "no baseline can be read"),
        (("--source", "engine", "--entry", "forward", "--baseline", "engine/forward.cu"), "not a baseline"),
        (("--",), "no program behind --"),
        (("fake:clean", "--", "/bin/true"), "two targets"),
        (("--pp", "4", "--", "/bin/true"), "--pp is for a MODEL"),
        ((), "no MODEL"),
        (("nosuch:thing",), "nosuch"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(
    cli: Cli, tree: Path, arguments: tuple[str, ...], says: str
) -> None:
    (tree.parent / "empty").mkdir()
    before = sorted(tree.parent.rglob("*"))
    result = cli("audit-syncs", *arguments)
    assert (result.returncode, result.stdout) == (2, "")
    said = [line for line in result.stderr.splitlines() if line.startswith(("error:", "hint:"))]
    assert len(said) == 2, result.stderr
    assert says in " ".join(said)
    assert sorted(tree.parent.rglob("*")) == before
