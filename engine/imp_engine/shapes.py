"""Models that need no files: published dimensions and two tiny ones, to be filled with random weights."""

from typing import Final

import torch

from imp_engine.config import ModelConfig, MoeConfig
from imp_engine.errors import ConfigError

SHAPES: Final[dict[str, ModelConfig]] = {
    "qwen3-tiny": ModelConfig(
        family="qwen3",
        vocab_size=512,
        hidden_size=64,
        intermediate_size=192,
        num_layers=3,
        num_heads=4,
        num_kv_heads=2,
        head_dim=16,
        max_position_embeddings=4096,
        rope_theta=1e6,
        tie_word_embeddings=True,
        dtype=torch.float32,
    ),
    "qwen3-moe-tiny": ModelConfig(
        family="qwen3_moe",
        vocab_size=512,
        hidden_size=64,
        intermediate_size=192,
        num_layers=3,
        num_heads=4,
        num_kv_heads=2,
        head_dim=16,
        max_position_embeddings=4096,
        rope_theta=1e6,
        dtype=torch.float32,
        moe=MoeConfig(
            num_experts=8,
            experts_per_token=2,
            intermediate_size=32,
            normalize_top_k=True,
            dense_layers=frozenset(),
        ),
    ),
    "qwen3-8b": ModelConfig(
        family="qwen3",
        vocab_size=151_936,
        hidden_size=4096,
        intermediate_size=12_288,
        num_layers=36,
        num_heads=32,
        num_kv_heads=8,
        head_dim=128,
        max_position_embeddings=40_960,
        rope_theta=1e6,
    ),
    "qwen3-coder-30b-a3b": ModelConfig(
        family="qwen3_moe",
        vocab_size=151_936,
        hidden_size=2048,
        intermediate_size=5472,
        num_layers=48,
        num_heads=32,
        num_kv_heads=4,
        head_dim=128,
        max_position_embeddings=262_144,
        rope_theta=1e7,
        moe=MoeConfig(
            num_experts=128,
            experts_per_token=8,
            intermediate_size=768,
            normalize_top_k=True,
            dense_layers=frozenset(),
        ),
    ),
}


def named_shape(name: str) -> ModelConfig:
    """The shape called `name`. Raises `ConfigError` for any other name."""
    if name not in SHAPES:
        raise ConfigError(
            f"There is no shape named {name!r}; known are {', '.join(SHAPES)}.",
            "For a checkpoint, give the path of its directory.",
        )
    return SHAPES[name]
