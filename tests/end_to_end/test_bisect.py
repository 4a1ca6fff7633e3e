"""`imp-graphcheck bisect`, as a user runs it."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from imp_graphcheck.exit_codes import ExitCode
from imp_graphcheck.faults import per_call_scratch
from imp_graphcheck.faults.pairs import marked_lines

Command = Callable[..., "subprocess.CompletedProcess[str]"]
SMALL = ("--device", "sim", "--pp", "256", "--chunk", "64", "--requests", "2", "--quiet")


def document(done: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def lines(finding: dict[str, Any]) -> dict[str, tuple[str, int]]:
    found = {}
    for place in ("allocation", "free", "launch"):
        site = finding[f"{place}_site"]
        if site is not None:
            found[place] = (Path(site["file"]).name, site["line"])
    return found


def test_an_illegal_access_in_two_processes(run: Command, tmp_path: Path) -> None:
    done = run("bisect", "qwen3-tiny", *SMALL, "--fault", "per-call-scratch", "--format", "json")
    assert done.returncode == ExitCode.FINDINGS, done.stderr
    found = document(done)
    assert found["status"] == "found"
    assert len(found["trials"]) == 2
    (cause,) = found["causes"]
    assert (cause["finding"]["code"], cause["finding"]["confidence"]) == ("GC202", "confirmed")
    expected = marked_lines(per_call_scratch)
    assert {place: lines(cause["finding"])[place] for place in expected} == expected  # type: ignore[index]
    assert cause["necessary"] is True
    assert found["sufficient"] is True
    outcomes = {probe["probe"]: probe["outcome"] for probe in cause["proof"]}
    assert outcomes == {"pin": "right", "canary": "wrong", "unmap": "died"}
    saved = tmp_path / ".graphcheck" / "bisections" / "latest" / "bisection.json"
    assert json.loads(saved.read_bytes()) == found
    script = saved.parent / found["reproduction"]
    assert len(script.read_text().splitlines()) <= 60
    shown = run(
        "capture", f"{script}:target", *found["reproduction_options"].split(), "-q", "--format", "json"
    )
    assert shown.returncode == ExitCode.FINDINGS
    assert json.loads(shown.stdout)["findings"][0]["code"] == "GC202"
    for trial in found["trials"]:
        assert (saved.parent / trial["run"] / "run.json").is_file()


def test_the_first_three_lines_carry_the_cause(run: Command) -> None:
    done = run("bisect", "qwen3-tiny", *SMALL, "--fault", "per-call-scratch")
    first, second, third = done.stdout.splitlines()[:3]
    assert first.startswith("FOUND  qwen3-tiny on sim: 1 cause, proven")
    number = marked_lines(per_call_scratch)["allocation"][1]
    assert second.startswith("GC202 confirmed")
    assert f"per_call_scratch.py:{number}" in second
    assert third.startswith("  do: ")


def test_nothing_is_found_in_the_engine_as_it_is(run: Command) -> None:
    done = run("bisect", "qwen3-tiny", *SMALL, "--repeat", "3")
    assert done.returncode == ExitCode.CLEAN, done.stdout
    assert done.stdout.startswith("NOTHING FOUND")
    assert "none of 3 passes failed" not in done.stdout.splitlines()[0]
    assert "the workload again and again" in done.stdout


def test_several_causes_at_once_each_with_its_proof(run: Command) -> None:
    faults = "per-call-scratch,baked-q-offset,grown-workspace"
    found = document(run("bisect", "qwen3-tiny", *SMALL, "--fault", faults, "--format", "json"))
    causes = {cause["finding"]["code"]: cause for cause in found["causes"]}
    assert set(causes) == {"GC202", "GC201", "GC301"}
    assert all(cause["proof"] for cause in causes.values())
    assert len(found["trials"]) == 2


def test_without_a_model_it_takes_the_latest_run(run: Command) -> None:
    run("capture", "qwen3-tiny", *SMALL, "--reps", "0", "--fault", "baked-q-offset")
    found = document(run("bisect", "--quiet", "--pp", "192", "--format", "json"))
    assert found["settings"]["fault"] == "baked-q-offset"
    assert (found["settings"]["pp"], found["settings"]["chunk"]) == (192, 64)
    assert found["causes"][0]["finding"]["code"] == "GC301"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "there is no MODEL"),
        (("no-such-directory/x",), "no such directory"),
        (("qwen3-tiny", "--max-trials", "0"), "--max-trials 0"),
        (("qwen3-tiny", "--repeat", "-1"), "--repeat -1"),
        (("--resume", "nowhere"), "no bisection can be read"),
        (("qwen3-tiny", "--fault", "nonsense"), "not known"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(
    run: Command, tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    done = run("bisect", *words, "--device", "sim", "-q")
    assert done.returncode == ExitCode.USAGE
    assert done.stdout == ""
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_too_few_trials_are_inconclusive(run: Command) -> None:
    done = run("bisect", "qwen3-tiny", *SMALL, "--max-trials", "1")
    assert done.returncode == ExitCode.INCONCLUSIVE
    assert "--max-trials was reached" in done.stdout


def test_a_resumed_search_makes_only_the_trials_that_are_left(run: Command, tmp_path: Path) -> None:
    run("bisect", "qwen3-tiny", *SMALL, "--max-trials", "1", "--fault", "grown-workspace")
    directory = next((tmp_path / ".graphcheck" / "bisections").glob("2*"))
    found = document(run("bisect", "--resume", str(directory), "-q", "--format", "json"))
    assert [trial["kind"] for trial in found["trials"]] == ["as it is", "kept alive"]
    assert len(list((directory / "runs").glob("2*"))) == 2
    assert found["causes"][0]["finding"]["code"] == "GC201"


KILLED = """
import os, pathlib, signal
from imp_graphcheck.faults.programs.drift import FrozenScalar

class Once(FrozenScalar):
    times = 1
    def forward(self, call):
        marks = [pathlib.Path(f"killed-{number}") for number in range(self.times)]
        for mark in marks:
            if not mark.exists():
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return super().forward(call)

class Twice(Once):
    times = 2
"""


def test_a_trial_that_somebody_killed_is_made_again(run: Command, tmp_path: Path) -> None:
    (tmp_path / "killed.py").write_text(KILLED)
    found = document(run("bisect", "killed.py:Once", "--device", "sim", "-q", "--format", "json"))
    assert [cause["finding"]["code"] for cause in found["causes"]] == ["GC301"]
    assert [trial["kind"] for trial in found["trials"]] == ["as it is", "kept alive"]
    assert found["notes"] == ["the process of trial 1 (as it is) died with SIGKILL; it was tried again"]


def test_a_trial_that_is_killed_each_time_is_an_answer(run: Command, tmp_path: Path) -> None:
    (tmp_path / "killed.py").write_text(KILLED)
    done = run("bisect", "killed.py:Twice", "--device", "sim", "-q", "--format", "json")
    assert done.returncode == ExitCode.INCONCLUSIVE
    found = document(done)
    assert len(found["trials"]) == 1
    assert "died with SIGKILL" in found["reason"]


def test_a_search_that_was_cut_short_says_so(run: Command) -> None:
    model = "imp_graphcheck.faults.programs.drift:FrozenScalar"
    found = document(run("bisect", model, "--device", "sim", "-q", "--format", "json", "--max-trials", "1"))
    assert found["causes"][0]["proof"] == []
    assert found["notes"] == ["--max-trials 1 was reached before everything was tried"]
