import gc
from typing import Any

import pytest
import torch

from imp_graphcheck.device import sim


@pytest.fixture
def gpu() -> sim.Gpu:
    """A fresh software GPU, as a new process would have it."""
    sim.enable()
    gc.collect()
    return sim.reset()


@pytest.fixture
def module(gpu: sim.Gpu) -> Any:
    """torch.sim, the counterpart of torch.cuda."""
    return torch.get_device_module("sim")
