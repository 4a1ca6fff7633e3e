"""On a real card: the rules that the software GPU cannot show, and tables that a kernel follows."""

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from imp_graphcheck.capture.launch import run_capture
from imp_graphcheck.capture.settings import CaptureSettings
from imp_graphcheck.child.template import Template
from imp_graphcheck.device.cuda.device import CudaDevice
from imp_graphcheck.faults.pairs import PAIRS, Pair
from imp_graphcheck.record.run import Run

pytestmark = pytest.mark.gpu

CARD_ONLY = [pytest.param(pair, id=f"{pair.code}-{pair.fault}") for pair in PAIRS if pair.cuda_only]

FOLLOWED = """
import torch
import triton
import triton.language as tl

from imp_graphcheck.faults.programs.base import Doubling


@triton.jit
def gather(table, out, COUNT: tl.constexpr):
    total = tl.zeros((8,), tl.float32)
    for index in tl.static_range(COUNT):
        weight = tl.load(table + index).to(tl.pointer_type(tl.float32))
        total += tl.load(weight + tl.arange(0, 8))
    tl.store(out + tl.arange(0, 8), total)


class Kept(Doubling):
    size = 8
    first = 0

    def setup(self, device):
        super().setup(device)
        self.weights = [torch.ones(self.size, device=device) for _ in range(4)]
        self.table = torch.tensor([weight[self.first :].data_ptr() for weight in self.weights], device=device)
        self.out = torch.zeros(8, device=device)

    def forward(self, call):
        self.seen = self.capturing
        gather[(1,)](self.table, self.out, COUNT=4)
        return self.x * 2 + self.out


class Freed(Kept):
    def between(self, call):
        if self.seen:
            self.weights[1] = None


class Unmapped(Kept):
    size = 64 << 20
    first = size - 8  # what is mapped anew begins at the other end

    def between(self, call):
        if self.seen:
            self.weights[1] = None
            self.module.empty_cache()
"""


@pytest.fixture
def run(device: CudaDevice, template: Template, tmp_path: Path) -> Callable[..., Run]:
    """`run(model)` checks it in a child process, as a user would."""
    pytest.importorskip("cuda.bindings.driver", reason="cuda-bindings is not installed")

    def checked(model: str, reps: int = 0) -> Run:
        settings = CaptureSettings(
            model=model, reps=reps, device="cuda", output=str(tmp_path), command=("imp-graphcheck", "capture")
        )
        return run_capture(settings, on_event=lambda event: None, template=template).run

    return checked


@pytest.mark.parametrize("pair", CARD_ONLY)
def test_fault_fires_and_twin_is_silent(run: Callable[..., Run], pair: Pair) -> None:
    fault, twin = run(pair.fault_model, pair.reps), run(pair.twin_model, pair.reps)
    assert [finding.code for finding in fault.findings] == [pair.code]
    assert fault.verdict == "clean", "it is no error"
    assert (twin.findings, twin.verdict) == ((), "clean")


@pytest.mark.parametrize(("name", "codes"), [("Kept", []), ("Freed", ["GC208"]), ("Unmapped", ["GC208"])])
def test_a_table_that_a_kernel_follows(
    run: Callable[..., Run], tmp_path: Path, name: str, codes: list[str]
) -> None:
    pytest.importorskip("triton")
    program = tmp_path / "followed.py"
    program.write_text(textwrap.dedent(FOLLOWED))
    found = run(f"{program}:{name}")
    assert [finding.code for finding in found.findings] == codes, found.findings
    assert found.verdict == ("findings" if codes else "clean"), found.verdict_reason


def test_contents_and_owners(device: CudaDevice) -> None:
    with device.recording():
        table = torch.arange(4, device="cuda")
        address = table.data_ptr()
        before = torch.cuda.memory_allocated()
        device.synchronize()
        (generation,) = device.owners_of([address]).values()
        assert device.allocations([generation])[generation].address == address
        assert device.contents(address + 8, 8) == (1).to_bytes(8, "little")
        assert device.contents(address, 1 << 20) is None
        assert torch.cuda.memory_allocated() == before
        del table
        assert device.owners_of([address]) == {}
        assert device.contents(address, 8) is None
