import gc
from collections.abc import Iterator

import pytest
import torch

from imp_graphcheck.device import sim


@pytest.fixture
def gpu() -> Iterator[sim.Gpu]:
    """A fresh software GPU, as a new process would have it."""
    sim.enable()
    gc.collect()
    fresh = sim.reset()
    from imp_graphcheck.device.sim import graph as graph_module
    from imp_graphcheck.device.sim import streams

    graph_module.graph._default_stream = None
    streams._current.stream = None
    yield fresh


@pytest.fixture
def module(gpu: sim.Gpu) -> object:
    """torch.sim, the counterpart of torch.cuda."""
    return torch.get_device_module("sim")
