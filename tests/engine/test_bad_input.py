"""Every bad input: the type of the error, one sentence, and the value that is to blame in it."""

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
    EngineConfig,
    EngineError,
    RequestError,
    SamplingParams,
)

CHECKPOINTS = Path(__file__).parents[1] / "checkpoints"
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


def assert_well_formed(error: EngineError, says: str) -> None:
    """One sentence that says it, and a hint that is not part of it."""
    assert re.search(says, error.message), error.message
    assert error.message.endswith(".")
    assert "\n" not in error.message
    # File names have dots, too; the end of a sentence is a dot before a space and a capital.
    assert not re.search(r"\. [A-Z]", error.message), error.message
    assert error.hint == "" or error.hint[-1] in ".?"


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_checkpoints(case: Case, tmp_path: Path) -> None:
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
        return empty(*args, **options)  # type: ignore[no-any-return]

    monkeypatch.setattr(torch, "empty", spy)
    with pytest.raises(CheckpointError):
        Engine.from_directory(tmp_path / "copy")
    assert devices == {"meta"}


ENGINE = {"max_sequence_length": 64, "max_sequences": 2, "num_blocks": 6}
REQUESTS: dict[str, tuple[Callable[[Engine], Any], str]] = {
    "empty prompt": (lambda engine: engine.prefill([]), "The prompt is empty"),
    "token above the vocabulary": (
        lambda engine: engine.prefill([1, 512]),
        "Token 1 of the prompt is 512; .* 511",
    ),
    "negative token": (lambda engine: engine.generate([[-1]], 1), "Token 0 of the prompt is -1"),
    "long prompt": (lambda engine: engine.prefill([1] * 65), r"needs 65 \+ 0 tokens; allowed is 64"),
    "long generation": (
        lambda engine: engine.generate([[1] * 60], 5),
        r"needs 60 \+ 5 tokens; allowed is 64",
    ),
    "nothing to generate": (lambda engine: engine.generate([[1]], 0), "max_new_tokens = 0"),
    "negative generation": (lambda engine: engine.new_sequence([1], -1), "max_new_tokens = -1"),
    "chunk size zero": (lambda engine: engine.prefill([1], 0), "chunk size is 0; allowed is 1 to 512"),
    "chunk size too large": (lambda engine: engine.prefill([1], 513), "chunk size is 513"),
    "cache full": (
        lambda engine: [engine.new_sequence([1] * 40) for _ in range(2)],
        "needs 3 KV blocks, and 2 of 5 are free",
    ),
    "cache taken": (
        lambda engine: (engine.new_sequence([1] * 40), engine.generate([[1] * 40], 1)),
        "needs 3 KV blocks, and 2 are free",
    ),
    "batch too large": (
        lambda engine: engine.decode_batch([engine.new_sequence([1])] * 3),
        "has 3 sequences; allowed is 1 to 2",
    ),
    "empty batch": (lambda engine: engine.decode_batch([]), "has 0 sequences"),
    "resize in use": (
        lambda engine: (engine.new_sequence([1]), engine.resize_kv_cache(9)),
        "while 1 of its blocks are in use",
    ),
    "cold temperature": (lambda engine: SamplingParams(temperature=-1.0), "temperature = -1.0"),
    "negative top_k": (lambda engine: SamplingParams(top_k=-1), "top_k = -1"),
    "top_p zero": (lambda engine: SamplingParams(top_p=0.0), "top_p = 0.0"),
}


@pytest.mark.parametrize(("ask", "says"), REQUESTS.values(), ids=REQUESTS.keys())
def test_requests(ask: Callable[[Engine], Any], says: str) -> None:
    engine = Engine.from_shape("qwen3-tiny", config=EngineConfig(**ENGINE))
    with pytest.raises(RequestError) as failure:
        ask(engine)
    assert_well_formed(failure.value, says)


SETTINGS: dict[str, tuple[Callable[[], Any], str]] = {
    "block size zero": (lambda: EngineConfig(block_size=0), "block_size = 0"),
    "bucket zero": (lambda: EngineConfig(prefill_buckets=(0, 16)), r"prefill_buckets = \(0, 16\)"),
    "buckets descend": (lambda: EngineConfig(prefill_buckets=(32, 16)), r"\(32, 16\) is not ascending"),
    "tiers too low": (lambda: EngineConfig(capacity_tiers=(1024,)), r"capacity_tiers = \(1024,\)"),
    "tiers unaligned": (lambda: EngineConfig(capacity_tiers=(100, 4096)), r"capacity_tiers = \(100, 4096\)"),
    "no block to give": (lambda: EngineConfig(num_blocks=1), "num_blocks = 1; allowed is at least 2"),
    "longer than the model": (
        lambda: Engine.from_shape("qwen3-tiny", config=EngineConfig(max_sequence_length=5000)),
        "max_sequence_length = 5000; the model allows 4096",
    ),
    "unknown shape": (lambda: Engine.from_shape("qwen4"), "no shape named 'qwen4'; known are qwen3-tiny"),
    "cache of one block": (lambda: Engine.from_shape("qwen3-tiny").resize_kv_cache(1), "num_blocks = 1"),
    "other weights": (
        lambda: Engine.from_directory(CHECKPOINTS / "qwen3-tiny").reload_weights(
            CHECKPOINTS / "qwen3-moe-tiny"
        ),
        "differs from that of the model that is loaded",
    ),
}


@pytest.mark.parametrize(("ask", "says"), SETTINGS.values(), ids=SETTINGS.keys())
def test_settings(ask: Callable[[], Any], says: str) -> None:
    with pytest.raises(ConfigError) as failure:
        ask()
    assert_well_formed(failure.value, says)


def test_tokenizers(tmp_path: Path) -> None:
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
