"""The shape of a model, read from a Hugging Face `config.json` or taken from a named shape."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import torch

from imp_engine.errors import ConfigError

ARCHITECTURES: Final = {"Qwen3ForCausalLM": "qwen3", "Qwen3MoeForCausalLM": "qwen3_moe"}
_DTYPES: Final = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


@dataclass(frozen=True, slots=True, kw_only=True)
class MoeConfig:
    """The expert layers of a mixture-of-experts model."""

    num_experts: int
    experts_per_token: int
    intermediate_size: int
    normalize_top_k: bool
    """Whether the weights of the chosen experts are scaled to sum to one."""
    dense_layers: frozenset[int]
    """Layers that keep a dense feed-forward block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """Everything about a model that its weights do not say by themselves."""

    family: str
    """`qwen3` or `qwen3_moe`."""
    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_layers: int
    num_heads: int
    num_kv_heads: int
    head_dim: int
    max_position_embeddings: int
    rope_theta: float
    rms_norm_eps: float = 1e-6
    tie_word_embeddings: bool = False
    dtype: torch.dtype = torch.bfloat16
    moe: MoeConfig | None = None

    def is_moe_layer(self, layer: int) -> bool:
        """Whether layer number `layer` has experts."""
        return self.moe is not None and layer not in self.moe.dense_layers

    @classmethod
    def from_hf(cls, raw: Mapping[str, Any]) -> "ModelConfig":
        """Parse the content of a `config.json`. Raises `ConfigError` for anything the engine would get wrong."""
        family = _family(raw)
        _refuse_unsupported(raw)
        hidden_size, num_heads = _integer(raw, "hidden_size"), _integer(raw, "num_attention_heads")
        config = cls(
            family=family,
            vocab_size=_integer(raw, "vocab_size"),
            hidden_size=hidden_size,
            intermediate_size=_integer(raw, "intermediate_size"),
            num_layers=_integer(raw, "num_hidden_layers"),
            num_heads=num_heads,
            num_kv_heads=_integer(raw, "num_key_value_heads", default=num_heads),
            head_dim=_integer(raw, "head_dim", default=max(1, hidden_size // num_heads)),
            max_position_embeddings=_integer(raw, "max_position_embeddings"),
            rope_theta=_rope_theta(raw),
            rms_norm_eps=float(raw.get("rms_norm_eps", 1e-6)),
            tie_word_embeddings=bool(raw.get("tie_word_embeddings", False)),
            dtype=_dtype(raw),
            moe=_moe(raw) if family == "qwen3_moe" else None,
        )
        if config.num_heads % config.num_kv_heads:
            raise ConfigError(
                f"config.json has num_attention_heads = {config.num_heads}, which is no multiple of "
                f"num_key_value_heads = {config.num_kv_heads}."
            )
        if config.head_dim % 2:
            raise ConfigError(
                f"config.json has head_dim = {config.head_dim}; rotary embedding needs an even one."
            )
        return config


def _family(raw: Mapping[str, Any]) -> str:
    architectures = raw.get("architectures") or []
    known = [ARCHITECTURES[name] for name in architectures if name in ARCHITECTURES]
    if not known:
        named = ", ".join(map(str, architectures)) or "none"
        raise ConfigError(
            f"config.json names the architecture {named}; known are {', '.join(ARCHITECTURES)}.",
            "Use a checkpoint of one of these families.",
        )
    return known[0]


def _refuse_unsupported(raw: Mapping[str, Any]) -> None:
    """Stop at settings that would change the numbers silently if they were ignored."""
    unsupported: dict[str, bool] = {
        "attention_bias": bool(raw.get("attention_bias")),
        "use_sliding_window": bool(raw.get("use_sliding_window")),
        "quantization_config": bool(raw.get("quantization_config")),
        "hidden_act": raw.get("hidden_act", "silu") != "silu",
    }
    for field, present in unsupported.items():
        if present:
            raise ConfigError(
                f"config.json has {field} = {raw[field]!r}, which the engine does not support.",
                "Use a plain checkpoint of the same model.",
            )


def _rope_theta(raw: Mapping[str, Any]) -> float:
    """`rope_theta` at top level (transformers 4) or inside `rope_parameters` (transformers 5)."""
    rope = raw.get("rope_parameters") or raw.get("rope_scaling") or {}
    if not isinstance(rope, Mapping):
        raise ConfigError(f"config.json has rope_parameters = {rope!r}; allowed is an object.")
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind != "default":
        raise ConfigError(
            f"config.json has the rope type {kind!r}; the engine supports 'default' only.",
            "Remove the scaling entry to run within the original context length.",
        )
    theta = rope.get("rope_theta", raw.get("rope_theta", 10_000.0))
    if not isinstance(theta, int | float) or theta <= 0:
        raise ConfigError(f"config.json has rope_theta = {theta!r}; allowed is a positive number.")
    return float(theta)


def _dtype(raw: Mapping[str, Any]) -> torch.dtype:
    name = raw.get("dtype") or raw.get("torch_dtype") or "bfloat16"
    if name not in _DTYPES:
        raise ConfigError(f"config.json has dtype = {name!r}; allowed are {', '.join(_DTYPES)}.")
    return _DTYPES[name]


def _moe(raw: Mapping[str, Any]) -> MoeConfig:
    # transformers 5 renamed the field when it saves; both are found in the wild.
    experts_field = "num_experts" if "num_experts" in raw else "num_local_experts"
    num_layers = _integer(raw, "num_hidden_layers")
    sparse_step = _integer(raw, "decoder_sparse_step", default=1)
    named_dense = raw.get("mlp_only_layers") or []
    moe = MoeConfig(
        num_experts=_integer(raw, experts_field),
        experts_per_token=_integer(raw, "num_experts_per_tok"),
        intermediate_size=_integer(raw, "moe_intermediate_size"),
        normalize_top_k=bool(raw.get("norm_topk_prob", False)),
        dense_layers=frozenset(
            layer for layer in range(num_layers) if layer in named_dense or (layer + 1) % sparse_step
        ),
    )
    if moe.experts_per_token > moe.num_experts:
        raise ConfigError(
            f"config.json has num_experts_per_tok = {moe.experts_per_token}; "
            f"allowed is at most {experts_field} = {moe.num_experts}."
        )
    return moe


def _integer(raw: Mapping[str, Any], field: str, *, default: int | None = None) -> int:
    value = raw.get(field)
    value = default if value is None else value
    if value is None:
        raise ConfigError(
            f"config.json has no {field!r}.", "Complete the file from the published checkpoint."
        )
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ConfigError(f"config.json has {field} = {value!r}; allowed is a positive integer.")
    return value
