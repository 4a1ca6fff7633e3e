"""How much slower an eager operator is on the software GPU than on the CPU that does its work: medians of one call.

python benchmarks/sim_overhead.py
"""

import statistics
import time
from collections.abc import Callable

import torch

from imp_graphcheck.device import sim

REPEATS = 2_000
SIZE = 64

OPERATORS: dict[str, Callable[[torch.Tensor], object]] = {
    "view": lambda x: x[1:],
    "empty": lambda x: torch.empty(SIZE, device=x.device),
    "add": lambda x: x + x,
    "add_": lambda x: x.add_(1.0),
    "mm": lambda x: x @ x,
    "softmax": lambda x: x.softmax(-1),
    "cat": lambda x: torch.cat([x, x]),
}


def main() -> None:
    """Print one line for each operator."""
    sim.enable()
    torch.set_num_threads(1)
    host = torch.randn(SIZE, SIZE)
    device = host.to("sim")
    print(f"{'operator':10} {'cpu us':>8} {'sim us':>8} {'ratio':>7}")
    for name, operator in OPERATORS.items():
        on_host, on_device = median_us(operator, host), median_us(operator, device)
        print(f"{name:10} {on_host:8.1f} {on_device:8.1f} {on_device / on_host:7.1f}")


def median_us(operator: Callable[[torch.Tensor], object], argument: torch.Tensor) -> float:
    """Microseconds of one call."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        operator(argument)
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e6


if __name__ == "__main__":
    main()
