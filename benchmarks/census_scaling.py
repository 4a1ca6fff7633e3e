"""What reading and checking a graph costs per node, from 100 to 10,000 nodes.

    python benchmarks/census_scaling.py [--device sim|cuda] [--repeat 5] [--page FILE]

One graph of elementwise kernels over 64 static inputs, every tenth a matrix product. *read* is the nodes with every
argument followed to its allocation, in a graph that was read before; *join* asks what has become of those allocations,
and of those of a second capture; *confirm* settles by that capture which words are addresses (the software GPU knows);
*judge* runs the lifetime checks, *compare* the drift check of both captures; *encode* is what a save costs. *memory* is what the record of the graph and of its allocations holds on to. Linear
growth shows as a constant cost per node. Prints one JSON document; `--page` also writes it as Markdown, with the growth
drawn.
"""

import argparse
import gc
import json
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import torch
from validation_machine import machine_facts
from validation_page import Part, page

from imp_graphcheck.checks.confirm import confirm
from imp_graphcheck.checks.drift import check_drift
from imp_graphcheck.checks.lifetimes import check_lifetimes, check_transients
from imp_graphcheck.device import Device, open_device
from imp_graphcheck.device.collector import paused_collector
from imp_graphcheck.device.op_trace import OpTrace
from imp_graphcheck.record.graph import GraphTrace, generations_in
from imp_graphcheck.record.memory import Allocation

SIZES = (100, 300, 1000, 3000, 10_000)
PHASES = ("read", "join", "confirm", "judge", "compare", "encode")
CHECKING = PHASES[:-1]
"""What is held against the bound."""
BOUND = 25
"""Microseconds per node."""
WIDEST_BAR = 50


def main() -> None:
    options = _options()
    device = open_device(options.device)
    with device.recording(), paused_collector():
        _measured(device, SIZES[0], options.repeat)  # what is made once per process is not the graph's
        rows = [_measured(device, size, options.repeat) for size in SIZES]
    growth = rows[-1]["us_per_node"] / rows[0]["us_per_node"]
    print(json.dumps({"device": device.describe(), "growth": growth, "rows": rows}, indent=2))
    if options.page is not None:
        passed = all(row["us_per_node"] <= BOUND for row in rows)
        part = Part(
            title=f"Reading and checking graphs on {options.device}", passed=passed, text=_text(rows, growth)
        )
        command = f"```console\n$ python {' '.join(sys.argv)}\n```\n"
        options.page.write_text(page(part, machine_facts()) + "\n" + command, encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="sim")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--page", type=Path)
    return parser.parse_args()


def _measured(device: Device, size: int, repeat: int) -> dict[str, float]:
    """The median of each phase; what the device reads for the first time is read once before."""
    seconds: dict[str, list[float]] = {name: [] for name in PHASES}
    held = 0
    for _ in range(repeat):
        gc.collect()
        inputs = [torch.randn(8, 8, device=device.torch_device) for _ in range(64)]
        stream = _warm_stream(device, inputs[0])
        graph, read = _captured(device, size, inputs, stream)
        another, read_another = _captured(device, size, inputs, stream)
        read()
        trace, encoded = _in_phases(device, graph, read, read_another(), seconds)
        held = held or _held_bytes(lambda: _joined(device, graph, (read(),)))  # noqa: B023
        graph.reset()
        another.reset()
    nodes = len(trace.nodes)
    us_per_node = {f"{name}_us": median(times) / nodes * 1e6 for name, times in seconds.items()}
    return {
        "nodes": nodes,
        "pointers": sum(len(param.pointers) for node in trace.nodes for param in node.params),
        "record_bytes": encoded,
        "memory_bytes": held,
        **us_per_node,
        "us_per_node": sum(us_per_node[f"{name}_us"] for name in CHECKING),
    }


def _in_phases(
    device: Device,
    graph: Any,
    read: Callable[[], GraphTrace],
    another: GraphTrace,
    seconds: dict[str, list[float]],
) -> tuple[GraphTrace, int]:
    """The record of a graph, and its size on disk. `another` is a second capture of the same work."""

    def timed(phase: str, action: Callable[[], Any]) -> Any:
        started = time.perf_counter()
        done = action()
        seconds[phase].append(time.perf_counter() - started)
        return done

    trace = timed("read", read)
    _, memory = timed("join", lambda: _joined(device, graph, (trace, another)))
    judged = timed("confirm", lambda: confirm(trace, another, memory))
    findings = timed(
        "judge", lambda: check_lifetimes((judged,), memory) + check_transients((judged,), memory)
    )
    findings += timed("compare", lambda: check_drift(judged, another, memory, base_facts={}, other_facts={}))
    assert not findings, findings
    return trace, len(timed("encode", lambda: msgspec.json.encode(trace)))


def _joined(
    device: Device, graph: Any, traces: tuple[GraphTrace, ...]
) -> tuple[tuple[GraphTrace, ...], dict[int, Allocation]]:
    memory = device.allocations(generations_in(traces))
    memory.update(device.live_in_pool(graph))
    return traces, memory


def _held_bytes(make: Callable[[], Any]) -> int:
    """What is allocated for the result of `make`, and for nothing else."""
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    made = make()
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del made
    return after - before


def _warm_stream(device: Device, factor: torch.Tensor) -> Any:
    """A stream that has its library handle and its workspace."""
    stream = device.module.Stream()
    with device.module.stream(stream):
        factor @ factor
    device.synchronize()
    return stream


def _captured(
    device: Device, size: int, inputs: list[torch.Tensor], stream: Any
) -> tuple[Any, Callable[[], GraphTrace]]:
    """A graph over `inputs`, and how to read it."""
    module = device.module
    graph = module.CUDAGraph(keep_graph=True)
    with (
        torch.no_grad(),
        module.graph(graph, stream=stream),
        OpTrace(device.kind, device.capture_position, module.is_current_stream_capturing) as trace,
    ):
        value = inputs[0]
        for step in range(size):
            other = inputs[step % 64]
            value = value @ other if step % 10 == 9 else value + other

    def read() -> GraphTrace:
        return device.read_graph(graph, key=size, capture_seconds=0.0, launches=trace.launches)

    return graph, read


def _text(rows: list[dict[str, float]], growth: float) -> str:
    """The rows as a table, and the cost per node as bars: of one length where it is linear."""
    names = ("nodes", "pointers", "on disk MB", "in memory MB", *PHASES, "all but encode")
    lines = [
        f"Microseconds per node, median of the repetitions; the bound is {BOUND} for all but encode.",
        "",
        "| " + " | ".join(names) + " |",
        "|" + "--:|" * len(names),
    ]
    for row in rows:
        figures = [
            f"{row['nodes']:,}",
            f"{row['pointers']:,}",
            f"{row['record_bytes'] / 1e6:.2f}",
            f"{row['memory_bytes'] / 1e6:.2f}",
            *(f"{row[f'{name}_us']:.1f}" for name in PHASES),
            f"{row['us_per_node']:.1f}",
        ]
        lines.append("| " + " | ".join(figures) + " |")
    most = max(row["us_per_node"] for row in rows)
    bars = [
        f"{row['nodes']:>7,} nodes  {'#' * round(WIDEST_BAR * row['us_per_node'] / most)} "
        f"{row['us_per_node']:.1f} us per node"
        for row in rows
    ]
    said = f"A node among {rows[-1]['nodes']:,} costs {growth:.2f} times what it costs among {rows[0]['nodes']:,}."
    return "\n".join([*lines, "", "```text", *bars, "```", "", said])


if __name__ == "__main__":
    main()
