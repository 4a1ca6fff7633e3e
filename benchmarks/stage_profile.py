"""Where one stage of a capture spends its time: its functions by their own time, and by all below them.

    python benchmarks/stage_profile.py [MODEL] [--stage inspect] [--device auto|cuda|sim]

Runs the stages in this process, under the profiler in the one asked for; the seconds of that stage are therefore more
than they would be.
"""

import argparse
import cProfile
import pstats
import tempfile
from dataclasses import replace
from pathlib import Path

from imp_graphcheck.capture import stages
from imp_graphcheck.capture.recorder import Recorder
from imp_graphcheck.capture.session import Session
from imp_graphcheck.capture.settings import CaptureSettings
from imp_graphcheck.child.events import Event, StageFinished, StageStarted
from imp_graphcheck.device import open_device
from imp_graphcheck.target import resolve
from imp_graphcheck.target.engine import Workload

ROWS = 45


def main() -> None:
    options = _options()
    profile = cProfile.Profile()

    def see(event: Event) -> None:
        if isinstance(event, StageStarted) and event.name == options.stage:
            profile.enable()
        elif isinstance(event, StageFinished):
            profile.disable()
            stage = event.stage
            print(f"{stage.name:12} {stage.status:8} {stage.seconds:8.2f}  {stage.detail}", flush=True)

    settings = CaptureSettings(
        model=options.model, pp=options.pp, chunk=options.chunk, device=options.device, dtype=options.dtype
    )
    workload = Workload(
        prompt_tokens=settings.pp, chunk_tokens=settings.chunk, requests=3, decode_tokens=0, seed=0
    )
    program = resolve(settings.model, workload=workload, dtype=settings.dtype, seed=0, fault=None)
    with tempfile.TemporaryDirectory() as folder:
        session = Session(
            program, open_device(settings.device), replace(settings, output=folder), Recorder(see)
        )
        stages.run_stages(session)
        saved = sum(file.stat().st_size for file in Path(folder).rglob("run.json"))
    print(f"run.json: {saved / 1e6:.1f} MB")
    for order in ("tottime", "cumulative"):
        pstats.Stats(profile).sort_stats(order).print_stats(ROWS)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", default="qwen3-moe-tiny")
    parser.add_argument("--stage", default="inspect")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype")
    parser.add_argument("--pp", type=int, default=1024)
    parser.add_argument("--chunk", type=int, default=256)
    return parser.parse_args()


if __name__ == "__main__":
    main()
