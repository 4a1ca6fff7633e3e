"""Where one stage of a capture spends its time: its functions by their own time, and by all below them.

    python benchmarks/stage_profile.py [MODEL] [--stage inspect] [--device auto|cuda|sim]

Runs the stages in this process. In the stage asked for, a thread looks a thousand times a second at where the main
thread is; that costs every function the same, while a profiler that is told of each call makes many short ones look slow.
"""

import argparse
import sys
import tempfile
import threading
import time
from collections import Counter
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

ROWS = 40
INTERVAL_SECONDS = 0.001


class Sampler:
    """How often each function of the main thread was seen at work, and on the stack."""

    def __init__(self) -> None:
        self.own: Counter[str] = Counter()
        self.below: Counter[str] = Counter()
        self.running = threading.Event()
        self._main = threading.get_ident()
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while self.running.wait():
            frame = sys._current_frames().get(self._main)
            names = []
            while frame is not None:
                code = frame.f_code
                names.append(f"{'/'.join(Path(code.co_filename).parts[-2:])} {code.co_qualname}")
                frame = frame.f_back
            self.own[names[0]] += 1
            self.below.update(set(names))
            time.sleep(INTERVAL_SECONDS)


def main() -> None:
    options = _options()
    sys.setswitchinterval(INTERVAL_SECONDS / 10)
    sampler = Sampler()

    def see(event: Event) -> None:
        if isinstance(event, StageStarted) and event.name == options.stage:
            sampler.running.set()
        elif isinstance(event, StageFinished):
            sampler.running.clear()
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
    for finding in session.findings:
        print(f"{finding.code} {finding.severity}: {finding.message}")
    total = sum(sampler.own.values())
    for title, counter in (("at work", sampler.own), ("on the stack", sampler.below)):
        print(f"\n{title}, of {total} looks")
        for name, count in counter.most_common(ROWS):
            print(f"{100 * count / total:6.1f} %  {name}")


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
