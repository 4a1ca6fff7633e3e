"""Devices, checkpoints and prompts for the engine's tests."""

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from imp_engine import Engine, EngineConfig, EngineError

CHECKPOINTS = Path(__file__).parents[1] / "checkpoints"
FAMILIES = ("qwen3-tiny", "qwen3-moe-tiny")

# The models are tiny: threads would only wait for each other.
torch.set_num_threads(1)


def _graph_device(kind: str) -> torch.device:
    if kind == "cuda":
        if not torch.cuda.is_available():
            pytest.skip("no NVIDIA GPU on this machine")
    elif importlib.util.find_spec("imp_graphcheck.device.sim") is None:
        pytest.skip("the software GPU is not part of this tree")
    else:
        from imp_graphcheck.device import sim

        sim.enable()
    return torch.device(kind)


@pytest.fixture(params=["cpu", "sim", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request: pytest.FixtureRequest) -> torch.device:
    """Every device that the engine runs on."""
    return torch.device("cpu") if request.param == "cpu" else _graph_device(request.param)


@pytest.fixture(params=["sim", pytest.param("cuda", marks=pytest.mark.gpu)])
def graph_device(request: pytest.FixtureRequest) -> torch.device:
    """Every device that has graphs."""
    return _graph_device(request.param)


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    """Name of a tiny checkpoint of each family; also the name of a shape."""
    return str(request.param)


@pytest.fixture
def checkpoint(family: str) -> Path:
    """A tiny checkpoint directory of each family."""
    return CHECKPOINTS / family


@pytest.fixture
def load(checkpoint: Path) -> Callable[..., Engine]:
    """Makes an engine of the checkpoint in float32: `load(device, **settings of EngineConfig)`."""

    def make(device: torch.device | str, **settings: int | None) -> Engine:
        return Engine.from_directory(checkpoint, device, torch.float32, EngineConfig(**settings))  # type: ignore[arg-type]

    return make


@pytest.fixture
def prompt() -> Callable[[int, int], list[int]]:
    """Makes `length` random tokens from a seed."""

    def make(length: int, seed: int = 0) -> list[int]:
        generator = torch.Generator().manual_seed(seed)
        return torch.randint(1, 512, (length,), generator=generator).tolist()

    return make


@pytest.fixture
def assert_well_formed() -> Callable[[EngineError, str], None]:
    """Checks that an error is one sentence which matches `says`, with a hint that is not part of it."""

    def check(error: EngineError, says: str) -> None:
        assert re.search(says, error.message), error.message
        assert error.message.endswith(".")
        assert "\n" not in error.message
        # File names have dots, too; the end of a sentence is a dot before a space and a capital.
        assert not re.search(r"\. [A-Z]", error.message), error.message
        assert error.hint == "" or error.hint[-1] in ".?"

    return check
