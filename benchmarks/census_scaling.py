"""What reading and checking a graph costs per node on the software GPU, from 100 to 10,000 nodes.

    python benchmarks/census_scaling.py [--repeat 3]

One graph of elementwise kernels over 64 static inputs, every tenth a matrix product. Reading follows each argument to
its allocation; checking runs the lifetime and drift checks over the record; encoding is what a save costs. Linear growth
shows as a constant cost per node. Prints one JSON document.
"""

import argparse
import json
import time
from statistics import median

import msgspec
import torch

from imp_graphcheck.checks.drift import check_drift
from imp_graphcheck.checks.lifetimes import check_lifetimes, check_transients
from imp_graphcheck.device import Device, open_device
from imp_graphcheck.device.op_trace import OpTrace
from imp_graphcheck.record.graph import GraphTrace, generations_in

SIZES = (100, 300, 1000, 3000, 10_000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=3)
    repeat: int = parser.parse_args().repeat
    device = open_device("sim")
    rows = [_measured(device, size, repeat) for size in SIZES]
    print(json.dumps({"device": device.describe(), "rows": rows}, indent=2))


def _measured(device: Device, size: int, repeat: int) -> dict[str, float]:
    seconds: dict[str, list[float]] = {"capture": [], "read": [], "check": [], "encode": []}
    for _ in range(repeat):
        started = time.perf_counter()
        graph, launches = _captured(device, size)
        seconds["capture"].append(time.perf_counter() - started)
        started = time.perf_counter()
        trace = device.read_graph(graph, key=size, capture_seconds=0.0, launches=launches)
        seconds["read"].append(time.perf_counter() - started)
        started = time.perf_counter()
        findings = _check(device, graph, trace)
        seconds["check"].append(time.perf_counter() - started)
        assert not findings, findings
        started = time.perf_counter()
        encoded = msgspec.json.encode(trace)
        seconds["encode"].append(time.perf_counter() - started)
    nodes = len(trace.nodes)
    return {
        "nodes": nodes,
        "record_bytes": len(encoded),
        **{f"{name}_seconds": median(times) for name, times in seconds.items()},
        "read_and_check_us_per_node": (median(seconds["read"]) + median(seconds["check"])) / nodes * 1e6,
    }


def _captured(device: Device, size: int) -> tuple[object, list]:
    module = device.module
    inputs = [torch.randn(8, 8, device=device.torch_device) for _ in range(64)]
    stream = module.Stream()
    with module.stream(stream):
        inputs[0] @ inputs[0]
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


def _check(device: Device, graph: object, trace: GraphTrace) -> tuple:
    memory = device.allocations(generations_in((trace,)))
    memory.update(device.live_in_pool(graph))
    return (
        *check_lifetimes((trace,), memory),
        *check_transients((trace,), memory),
        *check_drift(trace, trace, memory, base_facts={}, other_facts={}),
    )


if __name__ == "__main__":
    main()
