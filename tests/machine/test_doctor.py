"""`imp-graphcheck doctor`, from facts to text."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from imp_graphcheck.machine import examine as examine_module
from imp_graphcheck.machine import packages
from imp_graphcheck.machine.abilities import abilities_of
from imp_graphcheck.machine.examine import encode_machine, examine_torch
from imp_graphcheck.machine.nvml import read_driver
from imp_graphcheck.record.machine import Machine, Torch
from imp_reports.doctor import print_machine
from tests.machine.fake_nvml import FakeNvml


def machine() -> Machine:
    torch, driver = Torch(version="2.13.0", built_for_cuda="13.0"), read_driver(FakeNvml())
    found: dict[str, str | None] = {"numpy": "2.4.6", "cuda-bindings": None}
    return Machine(
        tool_version="0.1.0",
        python="3.11.7 (CPython)",
        system="Linux",
        torch=torch,
        driver=driver,
        packages=found,
        warnings=("kernels is shadowed",),
        abilities=abilities_of(torch, driver, found),
    )


def test_the_page() -> None:
    file = io.StringIO()
    print_machine(machine(), Console(file=file, width=120, _environ={}))

    assert [" ".join(line.split()) for line in file.getvalue().splitlines()] == [
        "imp-graphcheck: 0.1.0",
        "python: 3.11.7 (CPython)",
        "system: Linux",
        "torch: 2.13.0, built for CUDA 13.0",
        "driver: 580.65.06, CUDA up to 13.1",
        "numpy: 2.4.6",
        "cuda-bindings: not installed",
        "",
        "GPU 0: NVIDIA H200",
        "capability: 9.0",
        "memory: 1024 of 144384 MiB used",
        "SM clock: 1200 of 1980 MHz",
        "memory clock: 3201 of 3201 MHz",
        "power: 118 of 700 W",
        "temperature: 41 C",
        "clocks held by: software power cap; hardware thermal slowdown",
        "compute mode: exclusive process",
        "ECC errors: 0 uncorrected",
        "processes: pid 7, 2 MiB; pid 8",
        "",
        "warning: kernels is shadowed",
        "",
        "What works here",
        "yes capture --device sim",
        "yes capture --device cuda",
        "no nodes of captured graphs on cuda",
        "because cuda-bindings is not installed",
        "remedy pip install 'imp-graphcheck[cuda]'",
    ]


def test_the_document() -> None:
    document = json.loads(encode_machine(machine()))

    assert document["schema_version"] == 1
    assert document["driver"]["gpus"][0]["name"] == "NVIDIA H200"


@pytest.mark.parametrize(
    ("program", "problem"),
    [
        ("raise ImportError('libtorch.so is missing')", "ImportError: libtorch.so is missing"),
        ("import os; os.abort()", "importing torch ended the process (-6)"),
        ("import time; time.sleep(60)", "importing torch did not end within 1 s"),
    ],
)
def test_a_broken_torch_is_a_fact(monkeypatch: pytest.MonkeyPatch, program: str, problem: str) -> None:
    monkeypatch.setattr(examine_module, "PROBE_TIMEOUT_SECONDS", 1)

    assert examine_torch(("-c", program)) == Torch(problem=problem)


def test_chatter_on_stdout_is_not_taken_for_facts() -> None:
    program = "print('hello'); print('{\"version\": \"2.13.0\"}')"

    assert examine_torch(("-c", program)) == Torch(version="2.13.0")


def test_the_command_on_this_machine() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "imp_graphcheck", "doctor", "--format", "json"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (result.returncode, result.stderr) == (0, "")
    document = json.loads(result.stdout)
    assert document["torch"]["problem"] == ""
    assert document["abilities"][0] == {
        "name": "capture --device sim",
        "works": True,
        "because": "",
        "remedy": "",
    }


def test_a_module_that_shadows_kernels_is_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kernels").mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "kernels", raising=False)
    assert packages.warnings() == ()

    (tmp_path / "kernels" / "__init__.py").touch()
    sys.path_importer_cache.clear()

    (warning,) = packages.warnings()
    assert warning.startswith(f"{tmp_path}/kernels/__init__.py shadows the distribution `kernels`")
