"""On a real card: a trial that was forked from a warm template finds what one with its own interpreter finds."""

from pathlib import Path

import pytest

from imp_graphcheck.capture.launch import run_capture
from imp_graphcheck.capture.settings import CaptureSettings
from imp_graphcheck.capture.warm import IMPORTS, LATE_VARIABLES
from imp_graphcheck.child import Template, warm_template
from imp_graphcheck.device.cuda.device import CudaDevice
from imp_graphcheck.record.run import Run

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("fault", [None, "per-call-scratch"])
def test_a_forked_trial_is_like_any_other(device: CudaDevice, tmp_path: Path, fault: str | None) -> None:
    settings = CaptureSettings(
        model="qwen3-tiny", pp=256, chunk=64, reps=0, device="cuda", fault=fault, output=str(tmp_path)
    )

    def run(template: Template | None) -> Run:
        return run_capture(settings, on_event=lambda event: None, template=template).run

    with warm_template(IMPORTS, late=LATE_VARIABLES) as template:
        forked = [run(template), run(template)]
    assert template.forked == 2, template.problem
    plain = run(None)
    for each in forked:
        assert each.verdict == plain.verdict
        assert [finding.code for finding in each.findings] == [finding.code for finding in plain.findings]
