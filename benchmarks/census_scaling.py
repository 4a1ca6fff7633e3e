"""What reading and checking a graph costs per node, from 100 to 10,000 nodes.

    python benchmarks/census_scaling.py [--device sim|cuda] [--repeat 3] [--page FILE]

One graph of elementwise kernels over 64 static inputs, every tenth a matrix product. *read* follows each argument to its
allocation, in a graph that was read before; *check* runs the lifetime and drift checks over the record; *encode* is what
a save costs. Linear growth shows as a constant cost per node. Prints one JSON document; `--page` also writes it as
Markdown, with the growth drawn.
"""

import argparse
import gc
import json
import sys
import time
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

SIZES = (100, 300, 1000, 3000, 10_000)
STEPS = ("read", "check", "encode")
WIDEST_BAR = 50


def main() -> None:
    options = _options()
    device = open_device(options.device)
    with device.recording(), paused_collector():
        rows = [_measured(device, size, options.repeat) for size in SIZES]
    print(json.dumps({"device": device.describe(), "rows": rows}, indent=2))
    if options.page is not None:
        part = Part(title=f"Reading and checking graphs on {options.device}", passed=True, text=_text(rows))
        command = f"```console\n$ python {' '.join(sys.argv)}\n```\n"
        options.page.write_text(page(part, machine_facts()) + "\n" + command, encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="sim")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--page", type=Path)
    return parser.parse_args()


def _measured(device: Device, size: int, repeat: int) -> dict[str, float]:
    """The median of each step; what the device reads for the first time is read once before."""
    seconds: dict[str, list[float]] = {name: [] for name in STEPS}
    for _ in range(repeat):
        gc.collect()
        graph, launches = _captured(device, size)

        def read(graph: Any = graph, launches: Any = launches) -> GraphTrace:
            return device.read_graph(graph, key=size, capture_seconds=0.0, launches=launches)

        first = read()
        trace = _timed(read, seconds["read"])
        findings = _timed(lambda: _check(device, graph, trace, first), seconds["check"])  # noqa: B023
        assert not findings, findings
        encoded = _timed(lambda: msgspec.json.encode(trace), seconds["encode"])  # noqa: B023
        graph.reset()
    nodes = len(trace.nodes)
    return {
        "nodes": nodes,
        "pointers": sum(len(param.pointers) for node in trace.nodes for param in node.params),
        "record_bytes": len(encoded),
        **{f"{name}_seconds": median(times) for name, times in seconds.items()},
        "read_and_check_us_per_node": (median(seconds["read"]) + median(seconds["check"])) / nodes * 1e6,
    }


def _timed(action: Callable[[], Any], seconds: list[float]) -> Any:
    started = time.perf_counter()
    done = action()
    seconds.append(time.perf_counter() - started)
    return done


def _captured(device: Device, size: int) -> tuple[Any, list[Any]]:
    module = device.module
    inputs = [torch.randn(8, 8, device=device.torch_device) for _ in range(64)]
    stream = module.Stream()
    with module.stream(stream):
        inputs[0] @ inputs[0]
    module.synchronize()
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
    graph.kept = inputs
    return graph, trace.launches


def _check(device: Device, graph: Any, trace: GraphTrace, again: GraphTrace) -> tuple[Any, ...]:
    memory = device.allocations(generations_in((trace, again)))
    memory.update(device.live_in_pool(graph))
    judged = confirm(trace, again, memory)
    return (
        *check_lifetimes((judged,), memory),
        *check_transients((judged,), memory),
        *check_drift(judged, again, memory, base_facts={}, other_facts={}),
    )


def _text(rows: list[dict[str, float]]) -> str:
    """The rows as a table, and the cost per node as bars: of one length where it is linear."""
    names = (
        "nodes",
        "pointers",
        "record kB",
        *(f"{name} ms" for name in STEPS),
        "read and check, us per node",
    )
    lines = ["| " + " | ".join(names) + " |", "|" + "--:|" * len(names)]
    for row in rows:
        figures = [
            f"{row['nodes']:,}",
            f"{row['pointers']:,}",
            f"{row['record_bytes'] / 1e3:,.0f}",
            *(f"{row[f'{name}_seconds'] * 1e3:,.1f}" for name in STEPS),
            f"{row['read_and_check_us_per_node']:.1f}",
        ]
        lines.append("| " + " | ".join(figures) + " |")
    most = max(row["read_and_check_us_per_node"] for row in rows)
    bars = [
        f"{row['nodes']:>7,} nodes  {'#' * round(WIDEST_BAR * row['read_and_check_us_per_node'] / most)} "
        f"{row['read_and_check_us_per_node']:.1f} us per node"
        for row in rows
    ]
    return "\n".join([*lines, "", "```text", *bars, "```"])


if __name__ == "__main__":
    main()
