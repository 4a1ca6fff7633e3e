"""Captured equals eager, bit for bit; and what the runner does when a graph cannot be had."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from imp_engine import ConfigError, Engine, EngineConfig, GraphError, GraphRunner, Hooks

Prompt = Callable[..., list[int]]
Load = Callable[..., Engine]
Doubling = tuple[GraphRunner, Tensor, Callable[[], dict[str, Tensor]]]

# Short after long, long after short, one that ends inside a block, one of a single token.
REQUESTS = [(300, 1), (20, 2), (257, 3), (1, 4), (300, 5), (64, 6)]


def eager_logits(engine: Engine, tokens: list[int], chunk_size: int) -> list[Tensor]:
    sequence = engine.new_sequence(tokens)
    rows = []
    for chunk in engine.prefill_chunks(sequence, chunk_size):
        engine.stage(chunk)
        rows.append(engine.forward(engine.key(chunk)).cpu())
    engine.release(sequence)
    return rows


def captured_logits(engine: Engine, tokens: list[int], chunk_size: int) -> list[Tensor]:
    sequence = engine.new_sequence(tokens)
    rows = [engine.run(chunk).cpu() for chunk in engine.prefill_chunks(sequence, chunk_size)]
    engine.release(sequence)
    return rows


@pytest.fixture
def doubling(graph_device: torch.device) -> Doubling:
    """A runner, a static input, and a step that doubles it."""
    x = torch.zeros(4, device=graph_device)
    return GraphRunner(graph_device), x, lambda: {"double": x * 2, "more": x + 1}


@pytest.mark.parametrize("chunk_size", [64, 100])
def test_captured_equals_eager_bit_for_bit(
    graph_device: torch.device, load: Load, prompt: Prompt, chunk_size: int
) -> None:
    engine = load(graph_device, logit_rows=8)
    engine.prewarm()
    for length, seed in [*REQUESTS, *reversed(REQUESTS)]:
        tokens = prompt(length, seed)
        captured = captured_logits(engine, tokens, chunk_size)
        eager = eager_logits(engine, tokens, chunk_size)
        assert len(eager) == len(captured)
        assert all(torch.equal(one, other) for one, other in zip(eager, captured, strict=True))
    runner = engine.graph_runner
    assert runner.counters.replays > runner.counters.captures > 0
    assert not runner.counters.fallbacks


def test_one_graph_serves_every_offset(graph_device: torch.device, load: Load, prompt: Prompt) -> None:
    engine = load(graph_device)
    engine.prefill(prompt(320), 64)
    assert engine.graph_runner.counters.captures == 1
    assert engine.graph_runner.counters.replays == 4


def test_warmup_then_capture_then_replay(doubling: Doubling) -> None:
    runner, x, step = doubling
    for value in range(4):
        x.fill_(float(value))
        assert runner.run("key", step)["double"].cpu().tolist() == [2.0 * value] * 4
    assert (runner.counters.warmups, runner.counters.captures, runner.counters.replays) == (1, 1, 3)
    assert runner.captured["key"].replays == 3


def test_capture_executes_nothing(doubling: Doubling) -> None:
    runner, x, _ = doubling

    def count() -> Tensor:
        return x.add_(1)

    runner.warm("key", count)
    runner.capture("key", count)
    assert x.cpu().tolist() == [1.0] * 4
    runner.replay("key")
    assert x.cpu().tolist() == [2.0] * 4


def test_outputs_of_one_key_survive_the_replay_of_another(graph_device: torch.device) -> None:
    # GIVEN a step with an intermediate, and one captured after it whose output has the same size: in a shared pool
    # the output would be put where the intermediate was
    runner, x = GraphRunner(graph_device), torch.zeros(4, device=graph_device)
    steps: dict[str, Callable[[], Tensor]] = {"intermediate": lambda: x * 3 + 1, "plain": lambda: x + 1}
    for key, step in steps.items():
        runner.warm(key, step)
        runner.capture(key, step)
    # THEN either output outlives the replay of the other
    for first, second in (("intermediate", "plain"), ("plain", "intermediate")):
        x.fill_(1.0)
        output = runner.replay(first)
        assert isinstance(output, Tensor)
        expected = output.cpu()
        x.fill_(5.0)
        runner.replay(second)
        assert torch.equal(output.cpu(), expected)


def test_invalidated_graphs_are_captured_again(
    graph_device: torch.device, load: Load, prompt: Prompt
) -> None:
    # GIVEN a captured engine
    told: list[str] = []
    engine, tokens = load(graph_device), prompt(300)
    engine.graph_runner.hooks.invalidated = lambda key, reason: told.append(reason)
    before = [engine.prefill(tokens, 64).cpu() for _ in range(2)]
    # WHEN the pages move
    engine.resize_kv_cache(40)
    # THEN the old graph is gone, and the numbers stay
    assert told == ["the KV cache was resized to 40 blocks"]
    assert not engine.graph_runner.captured
    after = engine.prefill(tokens, 64).cpu()
    assert engine.graph_runner.counters.captures == 2
    assert torch.equal(before[1], after)


def test_reloaded_weights_are_seen_by_the_graphs_there_are(
    graph_device: torch.device, load: Load, prompt: Prompt
) -> None:
    engine, tokens = load(graph_device), prompt(100)
    first = [engine.prefill(tokens, 50).cpu() for _ in range(2)][1]
    for _, weight in engine.model.checkpoint_tensors(fused_experts=True):
        weight.zero_()
    assert not torch.equal(engine.prefill(tokens, 50).cpu(), first)
    assert engine.checkpoint is not None
    engine.reload_weights(engine.checkpoint.path)
    assert torch.equal(engine.prefill(tokens, 50).cpu(), first)
    assert engine.graph_runner.counters.captures == 1


def test_failed_capture_raises_the_first_error_and_leaves_the_runner_usable(
    doubling: Doubling,
) -> None:
    runner, x, step = doubling

    def reads_the_device() -> Tensor:
        return x * float(x.sum().item())

    with pytest.raises(RuntimeError) as failure:
        runner.capture("bad", reads_the_device)
    assert "previous error" not in str(failure.value)
    assert not torch.get_device_module(x.device).is_current_stream_capturing()
    test_warmup_then_capture_then_replay((runner, x, step))


def test_a_program_error_inside_a_capture_goes_up(
    doubling: Doubling,
) -> None:
    runner, _, step = doubling

    def broken() -> Tensor:
        raise KeyError("no such layer")

    runner.warm("bad", step)
    with pytest.raises(KeyError, match="no such layer"):
        runner.run("bad", broken)
    assert runner.run("key", step)["more"].cpu().tolist() == [1.0] * 4


def test_an_error_handled_before_the_capture_is_not_its_first_error(
    doubling: Doubling,
) -> None:
    runner, x, _ = doubling
    try:
        raise LookupError("earlier trouble")
    except LookupError:
        with pytest.raises(RuntimeError) as failure:
            runner.capture("bad", lambda: x * x.sum().item())
    assert "capturing" in str(failure.value)


def test_a_key_whose_capture_failed_is_eager_for_good(
    doubling: Doubling,
) -> None:
    runner, x, _ = doubling
    told: list[str] = []
    calls: list[str] = []
    runner.hooks.fallback = lambda key, condition: told.append(condition)
    x.fill_(1.0)

    def reads_the_device() -> Tensor:
        calls.append("call")
        return x * x.sum().item()

    for _ in range(4):
        assert runner.run("bad", reads_the_device).cpu().tolist() == [4.0] * 4
    assert len(calls) == 5  # four steps, and one attempt at a capture
    assert runner.counters.captures == 0
    assert len(told) == 3
    assert len(set(told)) == 1
    assert told[0].startswith("capture failed: ")
    assert runner.counters.fallbacks == {told[0]: 3}
    assert "\n" not in told[0]


def test_a_forward_that_leaves_another_stream_current_does_not_leave_one_capturing(
    doubling: Doubling,
) -> None:
    runner, x, step = doubling
    module = torch.get_device_module(x.device)
    caller = module.current_stream()

    def strays() -> Tensor:
        module.set_stream(module.Stream())
        raise ValueError("half way")

    with pytest.raises(ValueError, match="half way"):
        runner.capture("bad", strays)
    assert module.current_stream() == caller
    test_warmup_then_capture_then_replay((runner, x, step))


def test_nested_capture_is_refused(doubling: Doubling) -> None:
    runner, _, step = doubling
    with pytest.raises(GraphError, match="inside another capture"):
        runner.capture("outer", lambda: [runner.capture("inner", step).output])


def test_replay_of_an_unknown_key_is_refused(
    doubling: Doubling,
) -> None:
    with pytest.raises(GraphError, match="no graph of nothing"):
        doubling[0].replay("nothing")


def test_hooks_announce_captures_and_replays(graph_device: torch.device, load: Load, prompt: Prompt) -> None:
    engine = load(graph_device)
    heard: list[str] = []
    engine.hooks.captured = lambda graph: heard.append(f"captured {graph.replays}")
    engine.hooks.replayed = lambda graph: heard.append(f"replayed {graph.replays}")
    engine.hooks.phase_changed = lambda phase: heard.append(str(phase))
    engine.prefill(prompt(150), 50)
    assert heard == ["prefill", "captured 0", "replayed 1", "replayed 2"]


@pytest.mark.parametrize(
    ("enabled", "environment", "condition"),
    [
        (None, {"IMP_PREFILL_GRAPH": "0"}, "graphs are off (IMP_PREFILL_GRAPH=0)"),
        (False, {}, "graphs are off (enabled=False)"),
        (True, {"IMP_PREFILL_GRAPH": "0"}, "device has no graphs"),
        (None, {"IMP_PREFILL_GRAPH": "1"}, "device has no graphs"),
        (None, {}, "device has no graphs"),
    ],
)
def test_fallback_names_the_condition(
    enabled: bool | None,
    environment: dict[str, str],
    condition: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("IMP_PREFILL_GRAPH", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    told: list[str] = []
    hooks = Hooks(fallback=lambda key, condition: told.append(condition))
    runner = GraphRunner(torch.device("cpu"), hooks=hooks, enabled=enabled)
    assert runner.run("key", lambda: torch.ones(1)) == torch.ones(1)
    assert told == [condition]
    assert runner.counters.fallbacks == {condition: 1}


def test_a_chunk_above_the_largest_bucket_falls_back(
    graph_device: torch.device, checkpoint: Path, load: Load, prompt: Prompt
) -> None:
    config = EngineConfig(prefill_buckets=(16, 64), chunk_size=128)
    engine = Engine.from_directory(checkpoint, graph_device, torch.float32, config)
    logits = engine.prefill(prompt(120)).cpu()
    condition = "a chunk of 120 tokens is above the largest bucket, 64"
    assert engine.graph_runner.counters.fallbacks == {condition: 1}
    assert (logits - load("cpu").prefill(prompt(120))).abs().max() <= 1e-4


def test_capture_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    monkeypatch.delenv("IMP_GRAPH_CAPTURE_MODE", raising=False)
    assert GraphRunner(cpu).capture_mode == "global"
    monkeypatch.setenv("IMP_GRAPH_CAPTURE_MODE", "relaxed")
    assert GraphRunner(cpu).capture_mode == "relaxed"
    assert GraphRunner(cpu, capture_mode="thread_local").capture_mode == "thread_local"
    monkeypatch.setenv("IMP_GRAPH_CAPTURE_MODE", "lax")
    with pytest.raises(ConfigError, match="'lax'; allowed are global, relaxed, thread_local"):
        GraphRunner(cpu)
    monkeypatch.setenv("IMP_PREFILL_GRAPH", "yes")
    with pytest.raises(ConfigError, match="'yes'; allowed are 1 and 0"):
        GraphRunner(cpu, capture_mode="global")


def test_a_device_without_graphs_refuses_explicit_captures() -> None:
    with pytest.raises(GraphError, match="cpu has no graphs"):
        GraphRunner(torch.device("cpu")).capture("key", lambda: torch.ones(1))
