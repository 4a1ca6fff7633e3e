"""Checkpoints as others write them: sharded, in one file, with fused experts, with extra tensors."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from imp_engine import Engine
from imp_engine.checkpoint import Checkpoint

CHECKPOINTS = Path(__file__).parents[1] / "checkpoints"
Prompt = Callable[..., list[int]]


def all_tensors(directory: Path) -> dict[str, Tensor]:
    return {
        name: value for file in directory.glob("*.safetensors") for name, value in load_file(file).items()
    }


def rewritten(source: Path, target: Path, tensors: dict[str, Tensor]) -> Path:
    """A copy of the directory `source` with `tensors` in a single file."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.safetensors", "*.index.json"))
    save_file(tensors, target / "model.safetensors")
    return target


def fused(tensors: dict[str, Tensor], layer: int, experts: int) -> dict[str, Tensor]:
    """The experts of one layer as two three-dimensional tensors."""
    prefix = f"model.layers.{layer}.mlp.experts"
    parts = {
        part: torch.stack([tensors.pop(f"{prefix}.{expert}.{part}.weight") for expert in range(experts)])
        for part in ("gate_proj", "up_proj", "down_proj")
    }
    gate_up = torch.cat([parts["gate_proj"], parts["up_proj"]], dim=1)
    return {f"{prefix}.gate_up_proj": gate_up, f"{prefix}.down_proj": parts["down_proj"]}


def test_fused_experts_load_like_separate_ones(tmp_path: Path, prompt: Prompt) -> None:
    source = CHECKPOINTS / "qwen3-moe-tiny"
    tensors = all_tensors(source)
    for layer in (0, 2):
        tensors |= fused(tensors, layer, experts=8)
    fused_engine = Engine.from_directory(rewritten(source, tmp_path / "fused", tensors))
    assert torch.equal(fused_engine.prefill(prompt(50)), Engine.from_directory(source).prefill(prompt(50)))


def test_tensors_that_carry_nothing_are_ignored(tmp_path: Path, prompt: Prompt) -> None:
    source = CHECKPOINTS / "qwen3-tiny"
    tensors = all_tensors(source)
    tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"].clone()
    tensors["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.ones(8)
    engine = Engine.from_directory(rewritten(source, tmp_path / "extra", tensors))
    assert torch.equal(engine.prefill(prompt(50)), Engine.from_directory(source).prefill(prompt(50)))


def test_the_shards_hold_what_the_index_names() -> None:
    directory = CHECKPOINTS / "qwen3-moe-tiny"
    index = json.loads((directory / "model.safetensors.index.json").read_text())
    assert set(index["weight_map"]) == set(Checkpoint.open(directory).tensors)


def test_every_weight_of_a_model_is_filled(family: str, checkpoint: Path) -> None:
    engine = Engine.from_directory(checkpoint, dtype=torch.float32)
    tensors = all_tensors(checkpoint)
    for name, weight in engine.model.checkpoint_tensors():
        assert torch.equal(weight, tensors.pop(name).float()), name
    assert not tensors
