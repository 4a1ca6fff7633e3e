"""Devices for the kernels' tests."""

import importlib.util

import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture(params=["cpu", "sim", pytest.param("cuda", marks=pytest.mark.gpu)], scope="session")
def device(request: pytest.FixtureRequest) -> torch.device:
    """Every device that the kernels run on."""
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("no NVIDIA GPU on this machine")
    if request.param == "sim":
        if importlib.util.find_spec("imp_graphcheck.device.sim") is None:
            pytest.skip("the software GPU is not part of this tree")
        from imp_graphcheck.device import sim

        sim.enable()
    return torch.device(request.param)
