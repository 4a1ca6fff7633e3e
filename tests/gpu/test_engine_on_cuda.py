"""The reference engine on a real card: a replay is the eager run bit for bit, and both are the model's numbers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from imp_engine import CapturedGraph, Engine, EngineConfig, Hooks
from imp_graphcheck.device.cuda.device import CudaDevice
from imp_graphcheck.record.graph import GraphTrace

pytestmark = pytest.mark.gpu

CHECKPOINTS = Path(__file__).parents[1] / "checkpoints"
FAMILIES = ("qwen3-tiny", "qwen3-moe-tiny")
REQUESTS = ((300, 1), (20, 2), (257, 3), (1, 4), (300, 5), (64, 6))
"""Length and seed: short after long, long after short, one that ends inside a block, one of a single token."""


def prompt(length: int, seed: int) -> list[int]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(1, 512, (length,), generator=generator).tolist()  # type: ignore[no-any-return]


@pytest.fixture(autouse=True)
def exact_matmul(device: CudaDevice) -> Iterator[None]:
    """float32 products in float32, not in TF32."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    yield
    torch.set_float32_matmul_precision(before)


def logits(engine: Engine, tokens: list[int], *, captured: bool) -> list[torch.Tensor]:
    """Logits of each chunk of a prompt, through the engine's runner or straight."""
    sequence, rows = engine.new_sequence(tokens), []
    for chunk in engine.prefill_chunks(sequence):
        if captured:
            rows.append(engine.run(chunk).cpu())
        else:
            engine.stage(chunk)
            rows.append(engine.forward(engine.key(chunk)).cpu())
    engine.release(sequence)
    return rows


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("family", FAMILIES)
def test_captured_is_eager_bit_for_bit(family: str, dtype: torch.dtype) -> None:
    engine = Engine.from_shape(family, "cuda", dtype, config=EngineConfig(chunk_size=64, logit_rows=8))
    engine.prewarm()
    for length, seed in (*REQUESTS, *reversed(REQUESTS)):
        tokens = prompt(length, seed)
        pairs = zip(
            logits(engine, tokens, captured=False), logits(engine, tokens, captured=True), strict=True
        )
        assert all(torch.equal(eager, replayed) for eager, replayed in pairs)
    counters = engine.graph_runner.counters
    assert counters.replays >= 2 * len(REQUESTS)
    assert not counters.fallbacks


@pytest.mark.parametrize("family", FAMILIES)
def test_logits_are_those_of_transformers(family: str) -> None:
    transformers = pytest.importorskip("transformers", reason="the reference implementation is not installed")
    directory, tokens = CHECKPOINTS / family, prompt(300, 1)
    reference = transformers.AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32).eval()
    with torch.no_grad():
        expected = reference(torch.tensor([tokens])).logits[0, -1]
    engine = Engine.from_directory(directory, "cuda", torch.float32)
    engine.prewarm()
    for _ in range(3):  # warmed up, captured, replayed
        found = engine.prefill(tokens, 100).cpu()
        assert (found - expected).abs().max() <= 1e-3
    assert engine.graph_runner.counters.replays


def test_its_graphs_can_be_read(device: CudaDevice) -> None:
    pytest.importorskip("cuda.bindings.driver", reason="cuda-bindings is not installed")
    traces: list[GraphTrace] = []

    def note(captured: CapturedGraph) -> None:
        graph: Any = captured.graph
        traces.append(device.read_graph(graph, key=captured.key, capture_seconds=captured.capture_seconds))
        assert isinstance(captured.output, torch.Tensor)
        assert device.owns(graph, captured.output)

    config = EngineConfig(chunk_size=64)
    engine = Engine.from_shape("qwen3-moe-tiny", "cuda", config=config, hooks=Hooks(captured=note))
    engine.prewarm()
    for _ in range(2):
        engine.prefill(prompt(200, 1))
    assert traces
    for trace in traces:
        assert trace.census["kernel"] > 20
        names = [node.name for node in trace.nodes]
        assert not any(name.startswith(("_Z", "kernel (", "memcpy (")) for name in names), names
        assert all(
            node.direction == "d2d" and node.size_bytes for node in trace.nodes if node.kind == "memcpy"
        )
        assert all(dependency < node.index for node in trace.nodes for dependency in node.dependencies)
