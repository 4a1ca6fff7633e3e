"""On a real card: a CUDA C++ program, unchanged, is audited, and every call that was planted in it is found at its line."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from imp_graphcheck.device.cuda.device import CudaDevice
from imp_graphcheck.errors import UsageError
from imp_graphcheck.inject import ProcessAudit, audit_process
from imp_graphcheck.inject.build import build_library
from imp_graphcheck.inject.cupti import find_libraries, toolkits
from imp_graphcheck.record.audit import AuditSite
from tests.inject.toolchain import PROGRAMS, Planted, planted

pytestmark = pytest.mark.gpu

TORCH_PROGRAM = """
import torch
on_host = torch.ones(1024).pin_memory()
x = torch.zeros(1024, device="cuda")
graph = torch.cuda.CUDAGraph()
torch.cuda.synchronize()
with torch.cuda.graph(graph):
    x.copy_(on_host, non_blocking=True)
    x.add_(1)
for _ in range(3):
    graph.replay()
torch.cuda.synchronize()
assert x[0].item() == 2
print("done")
"""


def find_nvcc() -> str:
    found = shutil.which("nvcc") or next(
        (str(root / "bin/nvcc") for root in toolkits() if (root / "bin/nvcc").is_file()), None
    )
    if found is None:
        pytest.skip("no nvcc on this machine")
    return found


def find_cublas() -> Path:
    """The library itself: wheels have no development links."""
    folders = [root / part for root in toolkits() for part in ("lib64", "lib", "targets/x86_64-linux/lib")]
    folders += [Path(entry) / "nvidia" / part / "lib" for entry in sys.path for part in ("cu13", "cublas")]
    for folder in folders:
        for library in sorted(folder.glob("libcublas.so.*"), key=lambda path: len(path.name)):
            return library
    pytest.skip("no libcublas on this machine")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not shutil.which("nvidia-smi"):
        pytest.skip("no NVIDIA GPU on this machine")
    nvcc, cublas = find_nvcc(), find_cublas()
    made = tmp_path_factory.mktemp("planted") / "planted"
    build = subprocess.run(
        [
            *(nvcc, "-std=c++17", "-g", "-lineinfo", "-arch=native", str(PROGRAMS / "planted.cu")),
            *("-o", str(made), "-Xlinker", str(cublas), "-Xlinker", f"-rpath={cublas.parent}"),
            *("-Xlinker", f"-rpath-link={cublas.parent}"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert build.returncode == 0, build.stderr
    return made


@pytest.fixture(scope="module")
def injected(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The library can be built, and there is a libcupti."""
    try:
        build_library()
        find_libraries()
    except UsageError as error:
        pytest.skip(f"{error.message} ({error.hint})")


@pytest.fixture(scope="module")
def audited(program: Path, injected: None) -> ProcessAudit:
    audit = audit_process([str(program)], directory=PROGRAMS)
    # For whoever reads a failure: the whole of it, once.
    for site in audit.sites:
        print(site.place, site.function, site.api, site.kind, site.fate, site.code, site.phases, site.notes)
    print(json.dumps(audit.environment), audit.notes, audit.headline)
    return audit


def site_at(audit: ProcessAudit, line: int, api: str) -> AuditSite:
    found = [site for site in audit.sites if site.line == line and site.api == api]
    at_line = [(site.api, site.fate) for site in audit.sites if site.line == line]
    assert len(found) == 1, f"at line {line} there is {at_line}; {audit.status} {audit.status_reason}"
    return found[0]


@pytest.mark.parametrize("wanted", planted(), ids=lambda wanted: f"{wanted.line}-{wanted.api}")
def test_every_planted_call_is_at_its_line_with_its_verdict(audited: ProcessAudit, wanted: Planted) -> None:
    site = site_at(audited, wanted.line, wanted.api)

    assert (site.kind, site.fate) == (wanted.kind, wanted.fate), (site.reason, site.notes)
    assert site.file == "planted.cu"


def test_the_program_ran_as_it_does(audited: ProcessAudit) -> None:
    assert audited.returncode == 3
    assert (audited.status, audited.status_reason) == ("complete", "")
    assert (audited.captures, audited.graph_launches) == (6, 3)
    assert audited.traced_by.startswith("CUPTI ")


def test_pageable_and_pinned_memory_are_told_apart(audited: ProcessAudit) -> None:
    hosts = {site.host for site in audited.sites if (site.kind, site.fate) == ("h2d", "rereads host")}

    assert hosts == {"pageable", "pinned"}


def test_runtime_calls_are_not_counted_again_as_calls_of_the_driver(audited: ProcessAudit) -> None:
    lines = {wanted.line for wanted in planted()}
    driver = [site for site in audited.sites if site.line in lines and site.api[2:3].isupper()]

    assert driver == []


def test_the_first_failing_call_is_the_headline(audited: ProcessAudit) -> None:
    headline = audited.headline
    waits = [wanted for wanted in planted() if (wanted.kind, wanted.fate) == ("sync", "forbidden")]

    assert headline is not None
    assert (headline.api, headline.line) == ("cudaStreamSynchronize", waits[0].line)
    assert headline.error == "900 cudaErrorStreamCaptureUnsupported"
    assert headline.hidden_by == "901 cudaErrorStreamCaptureInvalidated"


def test_a_python_program_is_traced_as_well(
    device: CudaDevice, injected: None, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    audit = audit_process([sys.executable, "-c", TORCH_PROGRAM], traces=tmp_path)

    assert audit.returncode == 0
    assert capfd.readouterr().err.endswith("done\n"), "stdout is the audit's"
    assert audit.status == "complete", (audit.status_reason, audit.notes)
    assert (audit.captures, audit.graph_launches) == (1, 3)
    copies = [site for site in audit.sites if site.kind == "h2d" and "capture" in site.phases]
    assert [site.fate for site in copies] == ["rereads host"]
    assert copies[0].host == "pinned"
