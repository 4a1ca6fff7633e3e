"""Bad usage that is seen before a child process is started."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from imp_graphcheck.capture.settings import CaptureSettings, validate
from imp_graphcheck.errors import UsageError


@pytest.fixture
def settings(tmp_path: Path) -> CaptureSettings:
    return CaptureSettings(model="qwen3-tiny", output=str(tmp_path / "new" / "output"))


def test_good_settings_pass_and_leave_nothing_behind(settings: CaptureSettings, tmp_path: Path) -> None:
    validate(settings)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pp": 0}, "--pp 0: it must be at least 1."),
        ({"tg": -1}, "--tg -1: it must be at least 0."),
        ({"chunk": 0}, "--chunk 0: it must be at least 1."),
        ({"requests": 0}, "--requests 0: it must be at least 1."),
        ({"reps": -1}, "--reps -1: it must be at least 0."),
        ({"seed": -1}, "--seed -1: it must be at least 0."),
        ({"timeout": 0.0}, "--timeout 0: it must be above 0."),
        ({"timeout": float("nan")}, "--timeout nan: it must be above 0."),
        ({"device": "tpu"}, "--device tpu: not known."),
        ({"dtype": "int4"}, "--dtype int4: not known."),
        ({"capture_mode": "local"}, "--capture-mode local: not known."),
        ({"fail_on": "fatal"}, "--fail-on fatal: not known."),
        ({"model": ""}, "MODEL: no such directory."),
        ({"model": "no/such/place"}, "no/such/place: no such directory."),
        ({"model": "./nowhere"}, "./nowhere: no such directory."),
        ({"model": "missing.py:make"}, "missing.py:make: there is no file missing.py."),
        ({"model": ":make"}, ":make: no such directory."),
        (
            {"model": __file__},
            f"{__file__} is a file; a checkpoint is a directory with config.json and safetensors.",
        ),
        ({"output": __file__}, f"--output {__file__}: cannot be written to: Not a directory."),
        (
            {"output": "/proc/nowhere"},
            "--output /proc/nowhere: cannot be written to: No such file or directory.",
        ),
    ],
    ids=lambda value: next(iter(value.items()))[0] if isinstance(value, dict) else "",
)
def test_bad_settings(settings: CaptureSettings, change: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        validate(replace(settings, **change))

    assert caught.value.message == message
    assert caught.value.hint


@pytest.mark.parametrize(
    "model", ["qwen3-moe-tiny", "package.module:make", f"{__file__}:make", str(Path(__file__).parent)]
)
def test_every_kind_of_model_passes(settings: CaptureSettings, model: str) -> None:
    validate(replace(settings, model=model))


def test_settings_survive_the_journey_to_the_child(settings: CaptureSettings) -> None:
    there = replace(settings, dtype="bfloat16", fault="baked_offset", command=("imp-graphcheck", "capture"))

    assert msgspec.json.decode(msgspec.json.encode(there), type=CaptureSettings) == there
