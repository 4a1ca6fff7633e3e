"""On a real card: operators held against eager, and tensors made by address."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from imp_graphcheck.capture.launch import run_capture
from imp_graphcheck.capture.settings import CaptureSettings
from imp_graphcheck.child.template import Template
from imp_graphcheck.device.cuda.device import CudaDevice
from imp_graphcheck.device.op_trace import OpTrace
from imp_graphcheck.device.place import place_of
from imp_graphcheck.faults import ENGINE_FAULTS
from imp_graphcheck.faults.pairs import PAIRS, Pair
from imp_graphcheck.probes.fingerprint import fingerprint, read
from imp_graphcheck.record.run import Run

pytestmark = pytest.mark.gpu

Capture = Callable[..., tuple[Any, Any]]
FROZEN = [pytest.param(pair, id=pair.fault) for pair in PAIRS if pair.module == "drift"]
BAKED = [name for name in ENGINE_FAULTS if name.startswith("baked-")]


@pytest.fixture
def run(device: CudaDevice, template: Template, tmp_path: Path) -> Callable[..., Run]:
    """`run(model)` checks it in a child process, as a user would."""
    pytest.importorskip("cuda.bindings.driver", reason="cuda-bindings is not installed")

    def checked(model: str, fault: str | None = None) -> Run:
        settings = CaptureSettings(
            model=model,
            fault=fault,
            pp=256,
            chunk=64,
            reps=0,
            device="cuda",
            output=str(tmp_path),
            command=("imp-graphcheck", "capture"),
        )
        return run_capture(settings, on_event=lambda event: None, template=template).run

    return checked


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float8_e4m3fn, torch.int64], ids=str)
def test_a_tensor_made_by_address_is_the_same_memory(device: CudaDevice, dtype: torch.dtype) -> None:
    table = torch.arange(12.0, device="cuda").view(3, 4).to(dtype)
    again = device.tensor_at(place_of(table.t()))
    assert (again.shape, again.stride(), again.dtype) == ((4, 3), (1, 4), dtype)
    assert again.data_ptr() == table.data_ptr()
    assert read([fingerprint(again)]) == read([fingerprint(table.t())])
    again.view(torch.uint8).fill_(0) if dtype.itemsize == 1 else again.zero_()
    assert not table.float().any()


def test_fingerprints_are_those_of_the_host(device: CudaDevice) -> None:
    for shape in ((), (7,), (3, 4), (2, 3, 500)):
        tensor = torch.randn(shape, dtype=torch.bfloat16)
        (here,), (there,) = read([fingerprint(tensor)]), read([fingerprint(tensor.cuda())])
        assert here is not None
        assert there is not None
        assert here.digest == there.digest


def test_apart_takes_no_block_of_the_program(device: CudaDevice) -> None:
    freed = torch.ones(1 << 20, device="cuda")
    address = freed.data_ptr()
    del freed
    with device.apart():
        ours = torch.ones(1 << 20, device="cuda")
        assert ours.data_ptr() != address
    assert torch.ones(1 << 20, device="cuda").data_ptr() == address


def test_every_node_belongs_to_its_operator(device: CudaDevice) -> None:
    x = torch.randn(64, 64, device="cuda")
    side: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]

    def body() -> torch.Tensor:
        return (x @ x).softmax(-1).sort(dim=-1).values.cumsum(0) + 1

    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        body()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph(keep_graph=True)
    trace: Any = OpTrace("cuda", device.capture_position, torch.cuda.is_current_stream_capturing)
    with torch.cuda.graph(graph, stream=side), trace:
        body()
    read_graph = device.read_graph(graph, key="k", capture_seconds=0.0, launches=trace.launches)
    ranges = device.nodes_of(graph, trace.launches)
    assert [index for nodes in ranges for index in nodes] == [node.index for node in read_graph.nodes]
    for launch, nodes in zip(trace.launches, ranges, strict=True):
        assert {read_graph.nodes[index].op for index in nodes} <= {launch.op}


@pytest.mark.parametrize("pair", FROZEN)
def test_frozen_values_at_their_lines_and_silence_on_the_twins(run: Callable[..., Run], pair: Pair) -> None:
    fault, twin = run(pair.fault_model), run(pair.twin_model)
    named = [finding for finding in fault.findings if finding.code == "GC502"]
    assert named, [(finding.code, finding.message) for finding in fault.findings]
    site = named[0].launch_site
    assert site is not None
    ((_, expected),) = pair.expected_lines().items()
    assert (Path(site.file).name, site.line) == expected, named[0].message
    assert twin.findings == ()


@pytest.mark.parametrize("fault", BAKED)
def test_what_the_engine_froze(run: Callable[..., Run], fault: str) -> None:
    checked = run("qwen3-tiny", fault)
    named = [finding for finding in checked.findings if finding.code == "GC502"]
    assert named, [(probe.outcome, probe.detail) for probe in checked.probes]
    print(f"{fault}: {named[0].message}")
    (graph,) = [graph for graph in checked.graphs if graph.key == named[0].graph]
    if named[0].node is not None:
        assert graph.nodes[named[0].node].name == named[0].kernel


def test_the_engine_is_clean(run: Callable[..., Run]) -> None:
    checked = run("qwen3-tiny")
    assert checked.findings == ()
    assert checked.probes == ()
