"""Checkpoint tensors against a model: compared first, copied after."""

import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import torch
from safetensors import safe_open

from imp_engine.checkpoint.directory import Checkpoint
from imp_engine.checkpoint.safetensors_file import ITEM_BYTES, StoredTensor
from imp_engine.config import ModelConfig
from imp_engine.errors import CheckpointError
from imp_engine.models import Qwen3, build_model

_NAMED_AT_MOST: Final = 3
_LAYER: Final = re.compile(r"model\.layers\.(\d+)\.")


def check_weights(checkpoint: Checkpoint) -> None:
    """Raise `CheckpointError` unless the files hold exactly the tensors that the configuration asks for.

    The model is built without memory for this, so a wrong checkpoint costs no device memory.
    """
    meta = torch.device("meta")
    model = build_model(checkpoint.config, max_positions=1, device=meta, dtype=checkpoint.config.dtype)
    expected = {
        name: tuple(weight.shape)
        for name, weight in model.checkpoint_tensors(fused_experts=_has_fused_experts(checkpoint.tensors))
    }
    stored = {
        name: tensor
        for name, tensor in checkpoint.tensors.items()
        if name in expected or not _may_be_ignored(name, checkpoint.config)
    }
    _check_number_of_layers(checkpoint, stored)
    if missing := [name for name in expected if name not in stored]:
        raise CheckpointError(
            f"{checkpoint.path} lacks {_some(missing)} that its config.json asks for.",
            "Complete the download, or correct config.json.",
        )
    if unused := [name for name in stored if name not in expected]:
        raise CheckpointError(
            f"{checkpoint.path} holds {_some(unused)} that its config.json does not account for.",
            "The configuration belongs to another model.",
        )
    for name, shape in expected.items():
        _check_tensor(name, stored[name], shape)


def load_weights(model: Qwen3, checkpoint: Checkpoint) -> None:
    """Copy every weight into `model`, in place and converted to its dtype, one tensor at a time.

    `check_weights` comes first. Addresses do not change, so captured graphs stay valid and see the new weights.
    """
    by_file: dict[Path, list[str]] = defaultdict(list)
    targets = dict(model.checkpoint_tensors(fused_experts=_has_fused_experts(checkpoint.tensors)))
    for name in targets:
        by_file[checkpoint.tensors[name].file].append(name)
    for file, names in by_file.items():
        with safe_open(file, framework="pt", device="cpu") as stored:
            for name in names:
                targets[name].copy_(stored.get_tensor(name))


def _has_fused_experts(names: Iterable[str]) -> bool:
    return any(name.endswith(".experts.gate_up_proj") for name in names)


def _may_be_ignored(name: str, config: ModelConfig) -> bool:
    """Tensors that some writers add and that carry nothing the engine does not know already."""
    tied_head = config.tie_word_embeddings and name == "lm_head.weight"
    return tied_head or name.endswith(".rotary_emb.inv_freq")


def _check_number_of_layers(checkpoint: Checkpoint, stored: Iterable[str]) -> None:
    """The commonest contradiction gets a sentence of its own."""
    numbers = {int(match[1]) for name in stored if (match := _LAYER.match(name))}
    found, configured = max(numbers, default=-1) + 1, checkpoint.config.num_layers
    if found != configured:
        raise CheckpointError(
            f"config.json has num_hidden_layers = {configured}, and the weights have {found} layers.",
            "Restore the config.json that was published with these weights.",
        )


def _check_tensor(name: str, tensor: StoredTensor, expected: tuple[int, ...]) -> None:
    if tensor.shape != expected:
        raise CheckpointError(
            f"{name} has shape {list(tensor.shape)}; expected is {list(expected)}.",
            "The configuration belongs to another model.",
        )
    if tensor.dtype not in ITEM_BYTES:
        raise CheckpointError(
            f"{name} is stored as {tensor.dtype}; allowed are {', '.join(ITEM_BYTES)}.",
            "Use an unquantized checkpoint.",
        )


def _some(names: list[str]) -> str:
    """The first names of a list, and how many more there are."""
    more = len(names) - _NAMED_AT_MOST
    return ", ".join(names[:_NAMED_AT_MOST]) + (f" and {more} more tensors" if more > 0 else "")
