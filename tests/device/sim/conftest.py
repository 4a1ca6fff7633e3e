from typing import Any

import pytest
import torch

from imp_graphcheck.device import sim
from tests.fresh_gpu import fresh_gpu


@pytest.fixture
def gpu() -> sim.Gpu:
    """A fresh software GPU, as a new process would have it."""
    sim.enable()
    return fresh_gpu()


@pytest.fixture
def module(gpu: sim.Gpu) -> Any:
    """torch.sim, the counterpart of torch.cuda."""
    return torch.get_device_module("sim")
