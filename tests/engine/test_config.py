"""Configurations: both dialects of config.json, and the named shapes."""

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from imp_engine import SHAPES, EngineConfig, ModelConfig
from imp_engine.checkpoint import Checkpoint
from imp_engine.models import build_model

PUBLISHED: dict[str, Any] = {
    "architectures": ["Qwen3MoeForCausalLM"],
    "hidden_size": 2048,
    "intermediate_size": 5472,
    "num_hidden_layers": 48,
    "num_attention_heads": 32,
    "num_key_value_heads": 4,
    "head_dim": 128,
    "vocab_size": 151936,
    "max_position_embeddings": 262144,
    "rope_theta": 10000000,
    "rope_scaling": None,
    "sliding_window": None,
    "use_sliding_window": False,
    "torch_dtype": "bfloat16",
    "num_experts": 128,
    "num_experts_per_tok": 8,
    "moe_intermediate_size": 768,
    "norm_topk_prob": True,
    "mlp_only_layers": [],
    "decoder_sparse_step": 1,
}


def test_the_dialect_of_transformers_4_gives_the_named_shape() -> None:
    assert ModelConfig.from_hf(PUBLISHED) == SHAPES["qwen3-coder-30b-a3b"]


def test_the_dialect_of_transformers_5_gives_the_same() -> None:
    raw = dict(PUBLISHED)
    raw["rope_parameters"] = {"rope_type": "default", "rope_theta": raw.pop("rope_theta")}
    raw["dtype"] = raw.pop("torch_dtype")
    raw["num_local_experts"] = raw.pop("num_experts")
    del raw["rope_scaling"]
    assert ModelConfig.from_hf(raw) == ModelConfig.from_hf(PUBLISHED)


def test_dense_layers_of_a_moe_model() -> None:
    config = ModelConfig.from_hf(PUBLISHED | {"mlp_only_layers": [3], "decoder_sparse_step": 2})
    assert [layer for layer in range(6) if config.is_moe_layer(layer)] == [1, 5]


def test_fields_that_may_be_absent() -> None:
    raw = {
        name: value for name, value in PUBLISHED.items() if name not in ("head_dim", "num_key_value_heads")
    }
    config = ModelConfig.from_hf(raw)
    assert (config.head_dim, config.num_kv_heads) == (64, 32)


@pytest.mark.parametrize(
    ("name", "parameters"), [("qwen3-8b", 8_190_735_360), ("qwen3-coder-30b-a3b", 30_532_122_624)]
)
def test_named_shapes_have_the_published_number_of_parameters(name: str, parameters: int) -> None:
    config = SHAPES[name]
    model = build_model(config, 1, device=torch.device("meta"), dtype=torch.bfloat16)
    assert sum(weight.numel() for _, weight in model.checkpoint_tensors()) == parameters


def test_a_written_checkpoint_says_what_made_it() -> None:
    checkpoint = Checkpoint.open(Path(__file__).parents[1] / "checkpoints" / "qwen3-moe-tiny")
    assert checkpoint.config.moe is not None
    assert checkpoint.config.moe.dense_layers == {1}
    assert checkpoint.config.dtype is torch.bfloat16
    assert checkpoint.stop_token_ids == {0}
    assert len({tensor.file for tensor in checkpoint.tensors.values()}) == 3


@given(tokens=st.integers(1, 512), context=st.integers(1, 40_000))
def test_buckets_and_tiers_are_the_smallest_that_fit(tokens: int, context: int) -> None:
    config = EngineConfig(max_sequence_length=40_000)
    assert config.prefill_buckets == (16, 32, 64, 128, 256, 512)
    assert config.capacity_tiers == (1024, 4096, 16384, 40_000)
    assert config.prefill_bucket(tokens) == max(16, 1 << (tokens - 1).bit_length())
    assert config.capacity(context) == next(tier for tier in config.capacity_tiers if tier >= context)


def test_uneven_limits_are_rounded() -> None:
    config = EngineConfig(max_sequence_length=1001, chunk_size=100, max_sequences=6)
    assert config.capacity_tiers == (1008,)
    assert config.prefill_buckets == (16, 32, 64, 100)
    assert [config.decode_bucket(count) for count in range(1, 7)] == [1, 2, 4, 4, 6, 6]
