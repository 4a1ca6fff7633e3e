"""The trials themselves, in this process, on the software GPU."""

from collections.abc import Callable
from pathlib import Path

import pytest

from imp_graphcheck.bisect.kept_alive import run_kept_alive
from imp_graphcheck.bisect.repeated import run_repeated
from imp_graphcheck.bisect.stepped import run_stepped
from imp_graphcheck.bisect.trial_settings import TrialSettings
from imp_graphcheck.capture.recorder import Recorder
from imp_graphcheck.capture.session import Session
from imp_graphcheck.device import Device, open_device
from imp_graphcheck.faults import ENGINE_FAULTS
from imp_graphcheck.faults.pairs import PAIRS
from imp_graphcheck.record.run import Run
from imp_graphcheck.record.store import load_run
from imp_graphcheck.target import resolve
from imp_graphcheck.target.engine import Workload

Trial = Callable[..., Run]
WORKLOAD = Workload(prompt_tokens=256, chunk_tokens=64, requests=3, decode_tokens=0, seed=0)


@pytest.fixture
def trial(tmp_path: Path, device: Device) -> Trial:
    """`trial(run_kept_alive, "qwen3-tiny", fault="...")` returns what is on disk afterwards."""

    def run(stages: Callable[[Session], None], model: str, *, fault: str | None = None) -> Run:
        settings = TrialSettings(
            model=model, pp=256, chunk=64, device="sim", output=str(tmp_path), fault=fault, reps=0, repeat=3
        )
        program = resolve(model, workload=WORKLOAD, dtype=None, seed=0, fault=fault)
        session = Session(program, open_device("sim"), settings, Recorder(lambda event: None))
        stages(session)
        assert session.recorder.directory is not None
        return load_run(session.recorder.directory)

    return run


def outcomes(run: Run) -> dict[str, str]:
    """The last outcome of each probe."""
    return {probe.probe: probe.outcome for probe in run.probes}


def test_the_engine_as_it_is_stands_every_intervention(trial: Trial) -> None:
    run = trial(run_kept_alive, "qwen3-tiny")
    assert outcomes(run) == {"pin": "right", "host state": "right", "delay": "right", "padding": "right"}
    assert run.findings == ()
    assert run.verdict == "clean"


@pytest.mark.parametrize("twin", dict.fromkeys(pair.twin_model for pair in PAIRS if not pair.cuda_only))
def test_repaired_programs_stand_every_intervention(trial: Trial, twin: str) -> None:
    run = trial(run_kept_alive, twin)
    assert run.findings == ()
    assert set(outcomes(run).values()) <= {"right", "not tried"}


def test_a_death_brought_back_by_giving_up(trial: Trial) -> None:
    run = trial(run_kept_alive, "qwen3-tiny", fault="per-call-scratch")
    assert [probe.probe for probe in run.probes if probe.outcome != "right"] == ["canary", "unmap"]
    assert outcomes(run)["unmap"] == "died"
    assert {finding.code for finding in run.findings} == {"GC202"}


def test_only_what_is_dead_is_filled(trial: Trial) -> None:
    run = trial(run_kept_alive, "qwen3-tiny", fault="grown-workspace")
    touched = {site.file for probe in run.probes for site in probe.sites}
    assert {Path(file).name for file in touched} == {"grown_workspace.py"}


def test_stepping_names_the_node_that_the_fault_names(trial: Trial) -> None:
    died = trial(run_stepped, "qwen3-tiny", fault="per-call-scratch")
    (finding,) = died.findings
    assert (finding.code, finding.kernel, finding.argument) == ("GC202", "aten.index_select.out", "out")
    assert outcomes(died) == {"step": "died"}


def test_stepping_the_engine_as_it_is_completes_every_node(trial: Trial) -> None:
    run = trial(run_stepped, "qwen3-tiny")
    assert run.findings == ()
    assert {probe.outcome for probe in run.probes} == {"right"}
    assert len(run.probes) == 7


def test_from_nothing_the_warm_up_shows(trial: Trial) -> None:
    settings = TrialSettings(model="", repeat=3)
    run = trial(lambda session: run_repeated(session, settings), "qwen3-tiny", fault="advancing-warm-up")
    assert {finding.code for finding in run.findings} == {"GC405"}
    assert outcomes(run) == {"first use": "wrong", "replay": "right"}


def test_passes_are_counted_and_bounded(trial: Trial) -> None:
    settings = TrialSettings(model="", repeat=3)
    run = trial(lambda session: run_repeated(session, settings), "qwen3-tiny")
    assert run.findings == ()
    assert run.probes[-1].detail == "none of 3 passes failed, so at 95 % it fails in fewer than 100% of them"


@pytest.mark.parametrize(
    "fault", [name for name, fault in ENGINE_FAULTS.items() if fault.code.startswith("GC30")]
)
def test_a_capture_of_its_own_makes_what_is_frozen_right(trial: Trial, fault: str) -> None:
    run = trial(run_kept_alive, "qwen3-tiny", fault=fault)
    assert (outcomes(run)["pin"], outcomes(run)["fresh"], outcomes(run)["lockstep"]) == (
        "wrong",
        "right",
        "wrong",
    )
