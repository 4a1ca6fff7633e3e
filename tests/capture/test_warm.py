"""Trials that are forked from what `capture` imports find what plain ones find."""

from pathlib import Path

import pytest

from imp_graphcheck.capture import warm
from imp_graphcheck.capture.launch import run_capture
from imp_graphcheck.capture.settings import CaptureSettings
from imp_graphcheck.capture.warm import warm_trials


def test_a_forked_trial_is_like_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm, "LATE_VARIABLES", (*warm.LATE_VARIABLES, "PYTEST_CURRENT_TEST"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    settings = CaptureSettings(
        model="qwen3-tiny",
        pp=256,
        chunk=64,
        reps=0,
        device="sim",
        fault="per-call-scratch",
        output=str(tmp_path),
    )
    with warm_trials("sim") as template:
        forked = run_capture(settings, on_event=lambda event: None, template=template).run
        assert template.forked == 1, template.problem
    plain = run_capture(settings, on_event=lambda event: None).run

    assert forked.verdict == plain.verdict == "findings"
    assert [(found.code, found.allocation_site, found.free_site) for found in forked.findings] == [
        (found.code, found.allocation_site, found.free_site) for found in plain.findings
    ]
