"""On a real card: graphs node by node."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
import torch

from imp_graphcheck.device.cuda.device import CudaDevice

pytestmark = pytest.mark.gpu

Capture = Callable[..., tuple[Any, Any]]

DIES = """
import json, sys
import torch
from imp_graphcheck.device import StepError
from imp_graphcheck.device.cuda.device import CudaDevice

device = CudaDevice()
big = torch.ones(64 << 20, device="cuda")
index = torch.zeros(4, dtype=torch.int64, device="cuda")
x = torch.ones(1024, device="cuda")

def body():
    y = x * 2
    z = y + big[-1024:] if sys.argv[1] == "unmapped" else y[index]
    return z.exp()

side = torch.cuda.Stream()
with torch.cuda.stream(side):
    body()
torch.cuda.synchronize()
graph = torch.cuda.CUDAGraph(keep_graph=True)
with torch.cuda.graph(graph, stream=side):
    body()
names = [node.name for node in device.read_graph(graph, key="k", capture_seconds=0.0).nodes]
if sys.argv[1] == "unmapped":
    del big
    torch.cuda.empty_cache()
else:
    index.fill_(1 << 40)
before = []
try:
    device.step(graph, before=before.append)
    print(json.dumps(None))
except StepError as error:
    said = device.explain(error)
    print(json.dumps([names, before, error.node, said.number, said.graph_node, said.kernel, said.sticky]))
"""


@pytest.fixture(autouse=True)
def _bindings() -> None:
    pytest.importorskip("cuda.bindings.driver", reason="cuda-bindings is not installed")


def stepped_like_replayed(device: CudaDevice, graph: Any, output: torch.Tensor) -> int:
    """Both ways give the same bytes; returns the number of nodes that were announced."""
    graph.replay()
    device.synchronize()
    expected = output.clone()
    output.fill_(float("nan"))
    heard: list[int] = []
    device.step(graph, heard.append)
    assert torch.equal(output, expected)
    assert heard == list(range(len(heard)))
    return len(heard)


def test_kernels_copies_and_memsets(device: CudaDevice, capture: Capture) -> None:
    x, pinned = torch.randn(256, 256, device="cuda"), torch.randn(256, 256).pin_memory()

    def body() -> torch.Tensor:
        y = torch.zeros(256, 256, device="cuda")
        y.copy_(pinned, non_blocking=True)
        w = torch.empty_like(y).copy_(y)
        return (x * 2 + w).softmax(-1).cumsum(0)

    graph, output = capture(body)
    kinds = {node.kind for node in device.read_graph(graph, key="k", capture_seconds=0.0).nodes}
    assert kinds >= {"kernel", "memcpy"}
    assert stepped_like_replayed(device, graph, output) >= 5


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("shape", [(512, 512, 512), (16, 8192, 512), (1, 4096, 4096)])
def test_library_kernels_with_packed_parameters(
    device: CudaDevice, capture: Capture, dtype: torch.dtype, shape: tuple[int, int, int]
) -> None:
    rows, inner, columns = shape
    a = torch.randn(rows, inner, device="cuda", dtype=dtype)
    b = torch.randn(inner, columns, device="cuda", dtype=dtype)
    graph, output = capture(lambda: torch.relu(a @ b))
    assert stepped_like_replayed(device, graph, output) >= 2


def test_attention(device: CudaDevice, capture: Capture) -> None:
    q, k, v = (torch.randn(1, 8, 512, 64, device="cuda", dtype=torch.bfloat16) for _ in range(3))
    graph, output = capture(lambda: torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True))
    assert stepped_like_replayed(device, graph, output) >= 1


def test_forked_streams(device: CudaDevice, capture: Capture) -> None:
    x = torch.randn(1024, device="cuda")
    other: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]

    def body() -> torch.Tensor:
        other.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(other):
            y = x * 3
        z = x.exp()
        torch.cuda.current_stream().wait_stream(other)
        return y + z

    graph, output = capture(body)
    assert stepped_like_replayed(device, graph, output) == 3


def test_what_a_node_costs(device: CudaDevice, capture: Capture, record_property: Any) -> None:
    x = torch.ones(1024, device="cuda")

    def body() -> torch.Tensor:
        y = x
        for _ in range(500):
            y = y + 1
        return y

    graph, output = capture(body)
    stepped_like_replayed(device, graph, output)
    started = time.perf_counter()
    device.step(graph)
    per_node_us = (time.perf_counter() - started) / 500 * 1e6
    record_property("per_node_us", per_node_us)
    print(f"{per_node_us:.1f} us per node, the reading of the graph included")
    assert per_node_us < 1000


@pytest.mark.parametrize(("how", "number", "place"), [("unmapped", 700, 1), ("assert", 710, 1)])
def test_the_node_that_faults_is_named(how: str, number: int, place: int) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", DIES, how], check=False, capture_output=True, text=True, timeout=300
    )
    assert ended.stdout.strip(), ended.stderr[-2000:]
    names, before, node, said, graph_node, kernel, sticky = json.loads(ended.stdout.splitlines()[-1])
    assert (node, graph_node, said, sticky) == (place, place, number, True), (names, before)
    assert before == list(range(place + 1))
    assert kernel == names[place]
