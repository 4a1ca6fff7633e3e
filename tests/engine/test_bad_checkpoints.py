"""Every bad checkpoint: the type of the error, one sentence, and the value that is to blame in it."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from imp_engine import (
    CheckpointError,
    ConfigError,
    Engine,
    EngineError,
)

CHECKPOINTS = Path(__file__).parents[1] / "checkpoints"
WellFormed = Callable[[EngineError, str], None]
Damage = Callable[[Path], Any]
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
SHARD = "model-00002-of-00003.safetensors"


def config(**changes: Any) -> Damage:
    """Changes fields of config.json."""

    def damage(directory: Path) -> None:
        file = directory / "config.json"
        raw = json.loads(file.read_text()) | changes
        file.write_text(json.dumps({name: value for name, value in raw.items() if value is not ...}))

    return damage


def weights(change: Callable[[dict[str, torch.Tensor]], Any]) -> Damage:
    """Changes the tensors of model.safetensors."""

    def damage(directory: Path) -> None:
        tensors = load_file(directory / WEIGHTS)
        change(tensors)
        save_file(tensors, directory / WEIGHTS)

    return damage


def write(name: str, content: str | bytes) -> Damage:
    """Overwrites one file."""
    data = content.encode() if isinstance(content, str) else content
    return lambda directory: (directory / name).write_bytes(data)


def remove(name: str) -> Damage:
    """Deletes one file."""
    return lambda directory: (directory / name).unlink()


def cut(name: str, size: int) -> Damage:
    """Truncates one file."""
    return lambda directory: (directory / name).write_bytes((directory / name).read_bytes()[:size])


def shard_path(path: str) -> Damage:
    """Points one tensor of the index at `path`."""

    def damage(directory: Path) -> None:
        index = json.loads((directory / INDEX).read_text())
        index["weight_map"]["lm_head.weight"] = path
        (directory / INDEX).write_text(json.dumps(index))

    return damage


def pickled_only(directory: Path) -> None:
    """Leaves pickled weights as the only ones."""
    (directory / WEIGHTS).rename(directory / "pytorch_model.bin")


@dataclass(frozen=True)
class Case:
    damage: Damage
    error: type[EngineError]
    says: str
    family: str = "qwen3-tiny"


NORM = "model.layers.1.self_attn.q_norm.weight"
DEEPER = "model.layers.3.self_attn.q_norm.weight"

CASES = {
    "no directory": Case(shutil.rmtree, CheckpointError, "There is no directory "),
    "no config": Case(remove("config.json"), CheckpointError, "There is no config.json in "),
    "config is no JSON": Case(
        write("config.json", "{"), CheckpointError, "config.json cannot be read as JSON"
    ),
    "config is a list": Case(write("config.json", "[]"), CheckpointError, "holds a JSON list"),
    "no weights": Case(
        remove(WEIGHTS), CheckpointError, "neither model.safetensors nor model.safetensors.index"
    ),
    "pickled weights": Case(
        pickled_only, CheckpointError, "only pytorch_model.bin, which is pickled and never"
    ),
    "truncated data": Case(
        cut(WEIGHTS, 100_000), CheckpointError, "has 100000 bytes, and its header describes"
    ),
    "truncated header": Case(cut(WEIGHTS, 100), CheckpointError, "100 bytes cannot hold a header of"),
    "empty file": Case(cut(WEIGHTS, 0), CheckpointError, "0 bytes cannot hold"),
    "garbage header": Case(
        write(WEIGHTS, (4).to_bytes(8, "little") + b"oops"), CheckpointError, "The header of .* is damaged"
    ),
    "lying header": Case(
        write(
            WEIGHTS,
            (58).to_bytes(8, "little")
            + b'{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,4]}}    '
            + b"1234",
        ),
        CheckpointError,
        r"gives a 4 bytes, which is not F32 of shape \[4\]",
    ),
    "missing tensor": Case(weights(lambda t: t.pop(NORM)), CheckpointError, f"lacks {re.escape(NORM)} that"),
    "many missing tensors": Case(
        weights(lambda t: [t.pop(name) for name in list(t) if ".1.self_attn" in name]),
        CheckpointError,
        r"lacks (model\.layers\.1\.self_attn\.\w+\.weight(, )?){3} and 3 more tensors",
    ),
    "wrong shape": Case(
        weights(lambda t: t.update({NORM: torch.ones(17)})),
        CheckpointError,
        rf"{re.escape(NORM)} has shape \[17\]; expected is \[16\]",
    ),
    "quantized tensor": Case(
        weights(lambda t: t.update({NORM: torch.ones(16, dtype=torch.int8)})),
        CheckpointError,
        "is stored as I8; allowed are F32, F16, BF16",
    ),
    "unknown tensor": Case(
        weights(lambda t: t.update({"model.extra.weight": torch.ones(1)})),
        CheckpointError,
        "holds model.extra.weight that its config.json does not account for",
    ),
    "layers beyond the config": Case(
        weights(lambda t: t.update({DEEPER: torch.ones(16)})),
        CheckpointError,
        "num_hidden_layers = 3, and the weights have 4 layers",
    ),
    "config with too few layers": Case(
        config(num_hidden_layers=2), CheckpointError, "num_hidden_layers = 2, and the weights have 3 layers"
    ),
    "config with too many layers": Case(
        config(num_hidden_layers=9), CheckpointError, "num_hidden_layers = 9, and the weights have 3 layers"
    ),
    "config of another width": Case(config(hidden_size=128), CheckpointError, r"expected is \[512, 128\]"),
    "missing shard": Case(
        remove(SHARD), CheckpointError, f"names the shard {SHARD}, which is not in", "qwen3-moe-tiny"
    ),
    "shard outside": Case(
        shard_path("../x.safetensors"),
        CheckpointError,
        "names the shard '../x.safetensors'",
        "qwen3-moe-tiny",
    ),
    "absolute shard": Case(shard_path("/x"), CheckpointError, "names the shard '/x'", "qwen3-moe-tiny"),
    "parent as shard": Case(shard_path(".."), CheckpointError, r"names the shard '\.\.'", "qwen3-moe-tiny"),
    "index is no JSON": Case(write(INDEX, "]"), CheckpointError, "cannot be read as JSON", "qwen3-moe-tiny"),
    "index without a map": Case(write(INDEX, "{}"), CheckpointError, "has no weight_map", "qwen3-moe-tiny"),
    "truncated shard": Case(cut(SHARD, 1000), CheckpointError, f"{SHARD} is no complete", "qwen3-moe-tiny"),
    "experts missing": Case(
        config(num_local_experts=9), CheckpointError, r"lacks .*experts\.8\.", "qwen3-moe-tiny"
    ),
    "unknown architecture": Case(
        config(architectures=["LlamaForCausalLM"]),
        ConfigError,
        "names the architecture LlamaForCausalLM; known",
    ),
    "no architecture": Case(config(architectures=None), ConfigError, "names the architecture none"),
    "attention bias": Case(config(attention_bias=True), ConfigError, "attention_bias = True"),
    "sliding window": Case(config(use_sliding_window=True), ConfigError, "use_sliding_window = True"),
    "quantized": Case(
        config(quantization_config={"bits": 4}), ConfigError, "quantization_config = {'bits': 4}"
    ),
    "another activation": Case(config(hidden_act="gelu"), ConfigError, "hidden_act = 'gelu'"),
    "rope scaling": Case(
        config(rope_parameters={"rope_type": "yarn", "factor": 4.0}), ConfigError, "the rope type 'yarn'"
    ),
    "old rope scaling": Case(
        config(rope_parameters=None, rope_scaling={"type": "linear"}), ConfigError, "the rope type 'linear'"
    ),
    "rope theta": Case(config(rope_parameters={"rope_theta": "big"}), ConfigError, "rope_theta = 'big'"),
    "missing field": Case(config(hidden_size=...), ConfigError, "has no 'hidden_size'"),
    "text for a number": Case(config(hidden_size="64"), ConfigError, "hidden_size = '64'"),
    "negative number": Case(config(vocab_size=-1), ConfigError, "vocab_size = -1"),
    "uneven heads": Case(
        config(num_key_value_heads=3), ConfigError, "num_attention_heads = 4, which is no multiple"
    ),
    "odd head": Case(config(head_dim=15), ConfigError, "head_dim = 15"),
    "unknown dtype": Case(config(dtype="float8"), ConfigError, "dtype = 'float8'"),
    "top k above experts": Case(
        config(num_experts_per_tok=9),
        ConfigError,
        "num_experts_per_tok = 9; allowed is at most",
        "qwen3-moe-tiny",
    ),
    "text as stop token": Case(
        write("generation_config.json", '{"eos_token_id": "end"}'), CheckpointError, "eos_token_id = 'end'"
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_checkpoints(case: Case, tmp_path: Path, assert_well_formed: WellFormed) -> None:
    directory = tmp_path / "checkpoint"
    shutil.copytree(CHECKPOINTS / case.family, directory)
    Engine.from_directory(directory)  # undamaged, it loads
    case.damage(directory)
    with pytest.raises(case.error) as failure:
        Engine.from_directory(directory)
    assert type(failure.value) is case.error
    assert_well_formed(failure.value, case.says)


def test_nothing_is_allocated_for_a_bad_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(CHECKPOINTS / "qwen3-tiny", tmp_path / "copy")
    weights(lambda tensors: tensors.pop(NORM))(tmp_path / "copy")
    devices = set()
    empty = torch.empty

    def spy(*args: Any, **options: Any) -> torch.Tensor:
        devices.add(str(options.get("device")))
        return empty(*args, **options)

    monkeypatch.setattr(torch, "empty", spy)
    with pytest.raises(CheckpointError):
        Engine.from_directory(tmp_path / "copy")
    assert devices == {"meta"}


def test_tokenizers(tmp_path: Path, assert_well_formed: WellFormed) -> None:
    shutil.copytree(CHECKPOINTS / "qwen3-tiny", tmp_path / "copy")
    engine = Engine.from_directory(tmp_path / "copy")
    (tmp_path / "copy" / "tokenizer.json").write_text("{}")
    with pytest.raises(CheckpointError) as broken:
        engine.tokenizer()
    assert_well_formed(broken.value, "tokenizer.json is no tokenizer")
    (tmp_path / "copy" / "tokenizer.json").unlink()
    with pytest.raises(CheckpointError) as absent:
        engine.tokenizer()
    assert_well_formed(absent.value, "There is no tokenizer.json in ")
    with pytest.raises(CheckpointError) as never:
        Engine.from_shape("qwen3-tiny").tokenizer()
    assert_well_formed(never.value, "has no tokenizer")
