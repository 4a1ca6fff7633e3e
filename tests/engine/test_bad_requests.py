"""Every bad request and setting: the type of the error, one sentence, and the value that is to blame in it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from imp_engine import ConfigError, Engine, EngineConfig, EngineError, RequestError, SamplingParams

CHECKPOINTS = Path(__file__).parents[1] / "checkpoints"
WellFormed = Callable[[EngineError, str], None]
LIMITS = EngineConfig(max_sequence_length=64, max_sequences=2, num_blocks=6)


def resize_in_use(engine: Engine) -> None:
    """Resizes the cache under a sequence."""
    engine.new_sequence([1])
    engine.resize_kv_cache(9)


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
    "resize in use": (resize_in_use, "while 1 of its blocks are in use"),
    "cold temperature": (lambda engine: SamplingParams(temperature=-1.0), "temperature = -1.0"),
    "negative top_k": (lambda engine: SamplingParams(top_k=-1), "top_k = -1"),
    "top_p zero": (lambda engine: SamplingParams(top_p=0.0), "top_p = 0.0"),
}


@pytest.mark.parametrize(("ask", "says"), REQUESTS.values(), ids=REQUESTS.keys())
def test_requests(ask: Callable[[Engine], Any], says: str, assert_well_formed: WellFormed) -> None:
    engine = Engine.from_shape("qwen3-tiny", config=LIMITS)
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
def test_settings(ask: Callable[[], Any], says: str, assert_well_formed: WellFormed) -> None:
    with pytest.raises(ConfigError) as failure:
        ask()
    assert_well_formed(failure.value, says)
