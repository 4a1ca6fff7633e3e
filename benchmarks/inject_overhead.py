"""What the injection library costs a program that is bound by its launches, as a ratio.

    PYTHONPATH=.:engine:kernels:reports python benchmarks/inject_overhead.py [--pairs 7] [--steps 20000] [--torch]

The program (launch_bound.cu, built with nvcc) launches small kernels and makes two watched calls, a copy and an event,
for every 8, 2 and 1 of them. Each pair runs it once with and once without the library, in alternating order; the figure
is the median of the ratios of the pairs. With --torch a second program is a loop of small operators of PyTorch.
Prints one JSON document.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from imp_graphcheck.inject.build import build_library
from imp_graphcheck.inject.cupti import find_libraries
from imp_graphcheck.inject.launch import environment_for
from imp_graphcheck.inject.trace_file import read_trace

LAUNCHES_PER_STEP = (8, 2, 1)

TORCH_PROGRAM = """
import sys, time, torch
x = torch.ones(64, device="cuda")
on_host = torch.ones(64).pin_memory()
def steps(count):
    for _ in range(count):
        for _ in range(8):
            x.mul_(1.0)
        x.copy_(on_host, non_blocking=True)
    torch.cuda.synchronize()
steps(1000)
start = time.perf_counter()
steps(int(sys.argv[1]))
print(time.perf_counter() - start)
"""


def main() -> None:
    """Build, run the pairs, print."""
    options = _options()
    library, cupti = build_library(), find_libraries()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        environment = environment_for(library, folder, cupti)
        results = []
        program = _build(folder / "launch_bound")
        for launches in LAUNCHES_PER_STEP:
            command = [str(program), str(options.steps), str(launches)]
            figures = _compare(command, environment, options.pairs)
            results.append(
                {"program": "C++", "launches per step": launches, "watched calls per step": 2, **figures}
            )
        if options.torch:
            command = [sys.executable, "-c", TORCH_PROGRAM, str(options.steps // 4)]
            results.append({"program": "PyTorch", **_compare(command, environment, options.pairs)})
        traces = [read_trace(path) for path in sorted(folder.glob("*.trace"))]
        print(
            json.dumps(
                {
                    "pairs": options.pairs,
                    "steps": options.steps,
                    "all traced": all(trace.header.state == "tracing" for trace in traces),
                    "problems": sorted({trace.header.problem for trace in traces} - {""}),
                    "largest trace bytes": max(
                        (path.stat().st_size for path in folder.glob("*.trace")), default=0
                    ),
                    "results": results,
                },
                indent=2,
            )
        )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--steps", type=int, default=20000)
    parser.add_argument("--torch", action="store_true", help="also a loop of small operators of PyTorch")
    return parser.parse_args()


def _build(program: Path) -> Path:
    nvcc = shutil.which("nvcc")
    if nvcc is None:
        sys.exit("nvcc is needed to build the program")
    source = Path(__file__).parent / "launch_bound.cu"
    subprocess.run([nvcc, "-std=c++17", "-O2", "-arch=native", str(source), "-o", str(program)], check=True)
    return program


def _compare(command: Sequence[str], injected: dict[str, str], pairs: int) -> dict[str, object]:
    ratios, plain_seconds, injected_seconds = [], [], []
    for pair in range(pairs):
        order = (False, True) if pair % 2 else (True, False)
        seconds = {is_injected: _run(command, injected if is_injected else None) for is_injected in order}
        ratios.append(seconds[True] / seconds[False])
        plain_seconds.append(seconds[False])
        injected_seconds.append(seconds[True])
    return {
        "ratio": round(median(ratios), 3),
        "ratios": [round(ratio, 3) for ratio in ratios],
        "plain seconds": round(median(plain_seconds), 4),
        "injected seconds": round(median(injected_seconds), 4),
    }


def _run(command: Sequence[str], environment: dict[str, str] | None) -> float:
    run = subprocess.run(
        command, env=environment or dict(os.environ), check=True, capture_output=True, text=True
    )
    return float(run.stdout)


if __name__ == "__main__":
    main()
