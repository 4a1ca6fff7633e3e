"""Bad input to `module:factory`: one sentence that names the place, and a hint."""

from pathlib import Path

import pytest

from imp_graphcheck.device import Device
from imp_graphcheck.errors import UsageError
from imp_graphcheck.target import resolve
from imp_graphcheck.target.engine import Workload
from imp_graphcheck.target.factory import FactoryProgram

PROGRAMS = Path(__file__).parents[1] / "capture" / "programs.py"
WORKLOAD = Workload(prompt_tokens=64, chunk_tokens=32, requests=3, decode_tokens=0, seed=0)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("raises", "the factory raised RuntimeError: no such model"),
        ("returns_nothing", "returned a NoneType without setup, calls, key, prepare, forward"),
        ("setup_raises", "setup() raised FileNotFoundError: weights.bin is not there"),
        ("no_calls", "calls() returned nothing to do"),
        ("unhashable_key", "key() returned a list, which cannot be a key"),
        ("misspelt", "has no factory called misspelt"),
    ],
)
def test_bad_factories(name: str, sentence: str, device: Device) -> None:
    with pytest.raises(UsageError) as caught:
        FactoryProgram(f"{PROGRAMS}:{name}").load(device, "global")
    assert sentence in caught.value.message
    assert caught.value.message.endswith(".")
    assert caught.value.message.count("\n") == 0
    assert caught.value.hint


def test_the_line_that_raised_is_named(device: Device) -> None:
    with pytest.raises(UsageError, match=rf"programs\.py:{_line('no such model')}"):
        FactoryProgram(f"{PROGRAMS}:raises").load(device, "global")


def test_file_that_does_not_import(tmp_path: Path, device: Device) -> None:
    broken = tmp_path / "broken_target.py"
    broken.write_text("def (:\n")
    with pytest.raises(UsageError, match="importing it raised SyntaxError"):
        FactoryProgram(f"{broken}:target").load(device, "global")


def test_module_that_does_not_exist(device: Device) -> None:
    with pytest.raises(UsageError, match="importing it raised ModuleNotFoundError"):
        FactoryProgram("no_such_module:target").load(device, "global")


def test_requests_and_labels_come_from_the_calls(device: Device) -> None:
    program = FactoryProgram(f"{PROGRAMS}:scaled")
    program.load(device, "global")
    assert [call.request for call in program.calls] == [0, 1, 2]
    assert program.calls[1].label == "request 1, value 2.0"
    assert program.independent_requests


def test_resolve_refuses_what_is_nothing() -> None:
    with pytest.raises(UsageError, match="no such directory, and no shape of that name") as caught:
        resolve("qwen3-huge", workload=WORKLOAD, dtype=None, seed=0, fault=None)
    assert "qwen3-moe-tiny" in caught.value.hint


def test_faults_belong_to_the_engine() -> None:
    with pytest.raises(UsageError, match="faults are mistakes of the reference engine"):
        resolve(f"{PROGRAMS}:scaled", workload=WORKLOAD, dtype=None, seed=0, fault="baked-q-offset")
    with pytest.raises(UsageError, match="--fault no-such: not known") as caught:
        resolve("qwen3-tiny", workload=WORKLOAD, dtype=None, seed=0, fault="no-such")
    assert "baked-q-offset" in caught.value.hint


def _line(text: str) -> int:
    return next(number for number, line in enumerate(PROGRAMS.read_text().splitlines(), 1) if text in line)
