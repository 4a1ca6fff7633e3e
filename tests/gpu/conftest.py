"""What the tests on a real card share."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from imp_graphcheck.capture.warm import warm_trials
from imp_graphcheck.child.template import Template
from imp_graphcheck.device.cuda.device import CudaDevice

Capture = Callable[..., tuple[Any, Any]]


@pytest.fixture(scope="session")
def template() -> Iterator[Template]:
    """Child processes are forked from it: most of what they take is spent on imports."""
    with warm_trials("cuda") as found:
        yield found


@pytest.fixture
def device() -> CudaDevice:
    """The card."""
    if not torch.cuda.is_available():
        pytest.skip("no NVIDIA GPU on this machine")
    return CudaDevice()


@pytest.fixture
def capture(device: CudaDevice) -> Capture:
    """Run a body once on a side stream, then capture it into a graph that is kept: (graph, what it returned)."""

    def run(body: Callable[[], Any], **options: Any) -> tuple[Any, Any]:
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            body()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph(keep_graph=True)
        with torch.cuda.graph(graph, stream=side, **options):
            output = body()
        return graph, output

    return run
