"""The model families, one file each."""

import torch

from imp_engine.config import ModelConfig
from imp_engine.models.qwen3 import Qwen3
from imp_engine.models.qwen3_moe import Qwen3Moe

__all__ = ["Qwen3", "Qwen3Moe", "build_model"]

_FAMILIES = {"qwen3": Qwen3, "qwen3_moe": Qwen3Moe}


def build_model(
    config: ModelConfig, max_positions: int, *, device: torch.device, dtype: torch.dtype
) -> Qwen3:
    """A model of the family that `config` names, its weights allocated and not yet filled."""
    return _FAMILIES[config.family](config, max_positions, device=device, dtype=dtype)
