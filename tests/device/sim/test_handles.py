"""Handles and workspaces of math libraries are made when first needed, wherever that is."""

import threading
from typing import Any

import pytest
import torch

from imp_graphcheck.device import sim
from imp_graphcheck.device.sim.device import SimDevice
from imp_graphcheck.device.sim.handles import CUBLAS_WORKSPACE_BYTES

D = "sim"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        pytest.param(lambda a: a @ a, "CUBLAS_STATUS_NOT_INITIALIZED", id="cublas"),
        pytest.param(lambda a: torch.linalg.cholesky_ex(a), "cusolverDnCreate", id="cusolver"),
        pytest.param(
            lambda a: torch.nn.functional.conv2d(a[None, None], a[None, None]), "CUDNN_STATUS", id="cudnn"
        ),
    ],
)
def test_a_handle_cannot_be_made_in_a_capture(module: Any, body: Any, text: str) -> None:
    a = torch.eye(8, device=D)
    with pytest.raises(RuntimeError) as caught, module.graph(module.CUDAGraph()):
        body(a)
    described = SimDevice().explain(caught.value)
    assert described is not None
    assert (described.number, described.during_capture) == (1, True)
    assert text in str(caught.value.__context__)
    body(a)
    with module.graph(module.CUDAGraph()):
        body(a)


def test_relaxed_mode_makes_the_handle(module: Any) -> None:
    a = torch.eye(8, device=D)
    graph = module.CUDAGraph()
    with module.graph(graph, capture_error_mode="relaxed"):
        y = a @ a
    graph.replay()
    assert y.cpu().equal(torch.eye(8))


def test_another_thread_cannot_make_one_beside_a_global_capture(module: Any) -> None:
    a = torch.eye(8, device=D)
    a @ a
    errors: list[BaseException] = []

    def multiply() -> None:
        try:
            a @ a
        except RuntimeError as error:
            errors.append(error)

    def multiply_elsewhere() -> None:
        thread = threading.Thread(target=multiply)
        thread.start()
        thread.join()

    with pytest.raises(RuntimeError, match="previous error"), module.graph(module.CUDAGraph()):
        multiply_elsewhere()
    assert "CUBLAS_STATUS_NOT_INITIALIZED" in str(errors[0])


def test_each_stream_has_its_workspace(gpu: sim.Gpu, module: Any) -> None:
    a = torch.eye(8, device=D)
    before = gpu.allocator.allocated_bytes
    for _ in range(2):
        a @ a
    assert gpu.allocator.allocated_bytes == before + CUBLAS_WORKSPACE_BYTES
    with module.stream(module.Stream()):
        a @ a
    assert gpu.allocator.allocated_bytes == before + 2 * CUBLAS_WORKSPACE_BYTES
    gpu.handles.clear_workspaces()
    assert gpu.allocator.allocated_bytes == before


def test_a_workspace_made_in_a_capture_belongs_to_that_graph(gpu: sim.Gpu, module: Any) -> None:
    a = torch.eye(8, device=D)
    a @ a
    graph = module.CUDAGraph()
    with module.graph(graph):
        a @ a
    workspace = graph.nodes[0].work.workspace
    segment = gpu.allocator.segment_at(workspace.address)
    assert segment is not None
    assert segment.pool == graph.pool()
    graph.replay()
    content = gpu.arena.view(workspace.address, torch.float32, (64,), (1,))
    assert content.view(8, 8).equal(torch.eye(8)), "whoever shares the workspace finds it written"
