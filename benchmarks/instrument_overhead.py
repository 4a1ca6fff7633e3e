"""What the tool's instruments cost on a card: watching the allocator, reading a graph, telling memory apart, poison.

    PYTHONPATH=.:engine:kernels:reports python benchmarks/instrument_overhead.py [--model SHAPE]

Prints a table in Markdown. Times are medians of the repetitions given.
"""

import argparse
import time
from collections.abc import Callable
from contextlib import nullcontext
from statistics import median

import torch

from imp_engine import CapturedGraph, Engine, EngineConfig
from imp_graphcheck.device.cuda.device import CudaDevice

TOKENS = 512
CHUNK = 256


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="qwen3-moe-tiny", help="a shape of the engine")
    model: str = parser.parse_args().model
    device = CudaDevice()
    engine = Engine.from_shape(model, "cuda", config=EngineConfig(chunk_size=CHUNK, max_sequence_length=1024))
    engine.prewarm()
    prompt = [1 + index % 500 for index in range(TOKENS)]
    for _ in range(3):
        engine.prefill(prompt)
    print(f"{model}, a prefill of {TOKENS} tokens in chunks of {CHUNK}, and its {CHUNK}-token graph.\n")
    print("| instrument | cost | measured |")
    print("|---|--:|---|")
    for name, cost, how in (*_watching(device, engine, prompt), *_reading(device, engine), _poison(device)):
        print(f"| {name} | {cost} | {how} |")


def _watching(device: CudaDevice, engine: Engine, prompt: list[int]) -> list[tuple[str, str, str]]:
    """An eager prefill with and without the allocator being watched, alternating."""
    arms: dict[str, list[float]] = {"off": [], "on": []}
    for _ in range(7):
        for arm, context in (("off", nullcontext()), ("on", device.recording())):
            with context:
                arms[arm].append(_seconds(lambda: _eager(engine, prompt), device))
    off, on = median(arms["off"]), median(arms["on"])
    with device.recording():
        _eager(engine, prompt)
        taking = _seconds(lambda: device.allocations(()), device)
        again = _seconds(lambda: device.allocations(()), device)
    return [
        (
            "recording()",
            f"{on / off - 1:+.1%}",
            f"eager prefill {off * 1e3:.2f} -> {on * 1e3:.2f} ms, 7 pairs",
        ),
        ("allocations(), first", f"{taking * 1e3:.1f} ms", "after one eager prefill"),
        ("allocations(), again", f"{again * 1e3:.1f} ms", "nothing has happened since"),
    ]


def _reading(device: CudaDevice, engine: Engine) -> list[tuple[str, str, str]]:
    """The largest graph, read for the first time and again."""
    graphs: list[CapturedGraph] = list(engine.graph_runner.captured.values())
    captured = graphs[-1]
    reads = []
    for _ in range(6):
        started = time.perf_counter()
        trace = device.read_graph(captured.graph, key=captured.key, capture_seconds=0.0)
        reads.append(time.perf_counter() - started)
    nodes = len(trace.nodes)
    output = captured.output
    assert isinstance(output, torch.Tensor)
    owning = median(_seconds(lambda: device.owns(captured.graph, output), device) for _ in range(20))
    replaying = median(_seconds(captured.graph.replay, device) for _ in range(20))
    return [
        (
            "read_graph(), first",
            f"{reads[0] * 1e3:.1f} ms",
            f"{nodes} nodes, {reads[0] / nodes * 1e6:.0f} us each",
        ),
        (
            "read_graph(), again",
            f"{median(reads[1:]) * 1e3:.1f} ms",
            f"{median(reads[1:]) / nodes * 1e6:.0f} us each",
        ),
        ("owns()", f"{owning * 1e6:.0f} us", "the output of the graph"),
        ("(for scale) a replay", f"{replaying * 1e3:.2f} ms", "launched and waited for"),
    ]


def _poison(device: CudaDevice) -> tuple[str, str, str]:
    tensor = torch.empty(64 << 20, dtype=torch.bfloat16, device="cuda")
    device.poison(tensor)
    seconds = median(_seconds(lambda: device.poison(tensor), device) for _ in range(20))
    return (
        "poison()",
        f"{seconds * 1e6:.0f} us",
        f"{tensor.nbytes >> 20} MiB, {tensor.nbytes / seconds / 1e12:.2f} TB/s",
    )


def _eager(engine: Engine, prompt: list[int]) -> None:
    sequence = engine.new_sequence(prompt)
    for chunk in engine.prefill_chunks(sequence):
        engine.stage(chunk)
        engine.forward(engine.key(chunk))
    engine.release(sequence)


def _seconds(action: Callable[[], object], device: CudaDevice) -> float:
    """Wall time of `action`, the device's work included."""
    device.synchronize()
    started = time.perf_counter()
    action()
    device.synchronize()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
