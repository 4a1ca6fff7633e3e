"""What the tool's own work costs: its capture and replay stages against a bare capture and replay of the same engine.

    python benchmarks/stage_overhead.py [MODEL] [--device auto|cuda|sim] [--pairs 5]

Both sides prepare the same calls, capture the same graphs, replay them in the same two sweeps and wait for the device
after each call. The tool's side also reads the graphs, poisons outputs, copies and compares answers and state, and saves
the record. Pairs alternate within one process; the figure is the median of their ratios. The bound it is held against
is 1.5. Prints one JSON document.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from statistics import median

import torch

from imp_engine.graph_runner import GraphRunner
from imp_graphcheck.capture.captured_stages import SWEEPS, capture, replay
from imp_graphcheck.capture.eager_stages import eager, load, noise_floor, prewarm, warm_up
from imp_graphcheck.capture.recorder import Recorder
from imp_graphcheck.capture.session import Answers, Session
from imp_graphcheck.capture.settings import CaptureSettings
from imp_graphcheck.device import open_device
from imp_graphcheck.target import resolve
from imp_graphcheck.target.engine import Workload


def main() -> None:
    options = _options()
    settings = CaptureSettings(
        model=options.model, pp=options.pp, chunk=options.chunk, device=options.device, dtype=options.dtype
    )
    with tempfile.TemporaryDirectory() as folder:
        session, answers = _ready(settings, Path(folder))
        bare, tool = [], []
        for pair in range(options.pairs + 1):
            sides = [(bare, lambda: _bare(session)), (tool, lambda: _tool(session, answers))]
            for seconds, run in sides if pair % 2 else reversed(sides):
                _forget_graphs(session)
                started = time.perf_counter()
                run()
                session.device.synchronize()
                seconds.append(time.perf_counter() - started)
    ratios = [slow / fast for slow, fast in zip(tool[1:], bare[1:], strict=True)]  # the first pair warms up
    print(
        json.dumps(
            {
                "model": options.model,
                "device": session.device.describe(),
                "bare_seconds": bare[1:],
                "tool_seconds": tool[1:],
                "ratio_median": median(ratios),
                "ratio_min": min(ratios),
                "ratio_max": max(ratios),
                "bound": 1.5,
            },
            indent=2,
        )
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", default="qwen3-moe-tiny")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype")
    parser.add_argument("--pp", type=int, default=1024)
    parser.add_argument("--chunk", type=int, default=256)
    parser.add_argument("--pairs", type=int, default=5)
    return parser.parse_args()


def _ready(settings: CaptureSettings, folder: Path) -> tuple[Session, Answers]:
    workload = Workload(
        prompt_tokens=settings.pp, chunk_tokens=settings.chunk, requests=3, decode_tokens=0, seed=0
    )
    program = resolve(settings.model, workload=workload, dtype=settings.dtype, seed=0, fault=None)
    settings = CaptureSettings(**{**_fields(settings), "output": str(folder)})
    session = Session(program, open_device(settings.device), settings, Recorder(lambda event: None))
    load(session)
    prewarm(session)
    warm_up(session)
    answers = eager(session)
    noise_floor(session, answers)
    return session, answers


def _fields(settings: CaptureSettings) -> dict[str, object]:
    return {name: getattr(settings, name) for name in settings.__dataclass_fields__}


def _forget_graphs(session: Session) -> None:
    runner: GraphRunner = session.program.runner
    runner.invalidate(reason="next measurement")
    session.comparisons.clear()
    session.states.clear()
    session.recorder.update(graphs=())


def _tool(session: Session, answers: Answers) -> None:
    capture(session)
    replay(session, answers)


def _bare(session: Session) -> None:
    program, device = session.program, session.device
    for call in session.first_calls:
        program.prepare(call)
        program.runner.capture(call.key, lambda call=call: program.forward(call))  # type: ignore[misc]
        device.synchronize()
    for sweep in range(SWEEPS):
        for call in session.reversed_calls if sweep % 2 else session.calls:
            program.prepare(call)
            output = program.runner.run(call.key, lambda call=call: program.forward(call))  # type: ignore[misc]
            assert isinstance(output, torch.Tensor)
            device.synchronize()


if __name__ == "__main__":
    main()
