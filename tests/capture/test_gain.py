"""GC603 from end to end, as far as a software GPU can show it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from imp_graphcheck.device.sim.device import SimDevice
from imp_graphcheck.record.run import Run

Check = Callable[..., Run]
PADDED = f"{Path(__file__).with_name('gain_programs.py')}:Padded"


def test_timings_of_a_software_gpu_say_nothing(check: Check) -> None:
    assert check(PADDED, reps=3).findings == ()


def test_a_device_whose_timings_mean_something(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SimDevice, "timing_caveat", "")
    run = check(PADDED, reps=3)
    assert [(finding.code, finding.severity) for finding in run.findings] == [("GC603", "note")]
    assert run.verdict == "clean"


def test_the_laps_of_the_captured_arm_add_up(check: Check) -> None:
    speed = check(PADDED, reps=2).speed
    assert speed is not None
    host = speed.captured_host
    assert host is not None
    parts = (host.prepare, host.forward, host.between, host.wait)
    assert sum(parts) == pytest.approx(sum(speed.captured_seconds))
    assert host.forward > 0.5 * sum(parts), "the software GPU works where it is launched"
    assert all(part > 0 for part in parts)
