"""Captures and replays a model as its engine would, without any of the tool: what another tool is given to look at.

    python benchmarks/bare_replays.py [MODEL] [--fault NAME] [--device auto|cuda|sim] [--pp 256] [--chunk 64]

Ends as the replays end: with 0, with CUDA's error, or with a signal. Prints how many replays were made.
"""

import argparse
import sys

import torch

from imp_graphcheck.capture.eager_stages import load, prewarm, warm_up
from imp_graphcheck.capture.recorder import Recorder
from imp_graphcheck.capture.session import Session
from imp_graphcheck.capture.settings import CaptureSettings
from imp_graphcheck.device import open_device
from imp_graphcheck.target import resolve
from imp_graphcheck.target.engine import Workload


def main() -> None:
    options = _options()
    settings = CaptureSettings(
        model=options.model, pp=options.pp, chunk=options.chunk, device=options.device, fault=options.fault
    )
    workload = Workload(
        prompt_tokens=options.pp, chunk_tokens=options.chunk, requests=3, decode_tokens=0, seed=0
    )
    program = resolve(options.model, workload=workload, dtype=None, seed=0, fault=options.fault)
    session = Session(program, open_device(options.device), settings, Recorder(lambda event: None))
    load(session)
    prewarm(session)
    warm_up(session)
    for call in session.first_calls:
        program.prepare(call)
        program.runner.capture(call.key, lambda call=call: program.forward(call))  # type: ignore[misc]
        session.device.synchronize()
        program.between(call)
    replays = 0
    for call in session.calls:
        program.prepare(call)
        program.runner.run(call.key, lambda call=call: program.forward(call))  # type: ignore[misc]
        torch.get_device_module(session.device.kind).synchronize()
        program.between(call)
        replays += 1
    print(f"{replays} replays", file=sys.stderr)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", nargs="?", default="qwen3-moe-tiny")
    parser.add_argument("--fault")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--pp", type=int, default=256)
    parser.add_argument("--chunk", type=int, default=64)
    return parser.parse_args()


if __name__ == "__main__":
    main()
