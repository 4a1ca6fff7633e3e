"""What it costs to watch an eager pass: the audited pass over the bare one, in one process.

    python benchmarks/audit_overhead.py [MODEL] [--device auto|cuda|sim] [--passes 5]

Both sides prepare the same calls, run them eagerly on the capture stream and wait for the device after each. The audited
side runs under the call trace and sorts what it saw into sightings. Bare passes come first, before anything was subscribed
to: what an attached tool costs while it asks for nothing must not be taken off. Bare passes after it show whether the
machine changed meanwhile. The bound is 2. Prints one JSON document; exit code 1 above the bound.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from statistics import median

from imp_graphcheck.audit.phases import steps_of, watched
from imp_graphcheck.audit.watch import Watch
from imp_graphcheck.capture.eager_stages import prewarm, warm_up
from imp_graphcheck.capture.recorder import Recorder
from imp_graphcheck.capture.session import Session
from imp_graphcheck.capture.settings import CaptureSettings
from imp_graphcheck.device import open_device
from imp_graphcheck.target import Call, resolve
from imp_graphcheck.target.engine import Workload

BOUND = 2.0


def main() -> int:
    """Measure, print, and say whether the bound holds."""
    options = _options()
    session = _ready(options)
    before = [_pass(session, _bare) for _ in range(options.passes + 1)][1:]  # the first one warms up
    with session.device.trace_calls() as recording:
        watch = Watch(session.device, recording)

        def audited(call: Call) -> Callable[[], object]:
            return watched(session, watch, call)

        seconds = [
            _pass(session, lambda _session, call: audited(call), watch.phase("eager"))
            for _ in range(options.passes + 1)
        ][1:]
        calls, sightings = len(recording.calls), len(watch.sightings)
        traced_by, notes = recording.traced_by, recording.notes
    after = [_pass(session, _bare) for _ in range(options.passes)]
    ratio = median(seconds) / median(before)
    print(
        json.dumps(
            {
                "model": options.model,
                "device": session.device.describe(),
                "traced_by": traced_by,
                "notes": notes,
                "bare_seconds": before,
                "audited_seconds": seconds,
                "bare_seconds_afterwards": after,
                "traced_calls": calls,
                "sightings": sightings,
                "ratio": ratio,
                "bound": BOUND,
            },
            indent=2,
        )
    )
    return 0 if ratio <= BOUND or session.device.kind == "sim" else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", nargs="?", default="qwen3-moe-tiny")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype")
    parser.add_argument("--pp", type=int, default=1024)
    parser.add_argument("--chunk", type=int, default=256)
    parser.add_argument("--passes", type=int, default=5)
    return parser.parse_args()


def _ready(options: argparse.Namespace) -> Session:
    """The program, warm."""
    settings = CaptureSettings(
        model=options.model, pp=options.pp, chunk=options.chunk, device=options.device, dtype=options.dtype
    )
    workload = Workload(
        prompt_tokens=options.pp, chunk_tokens=options.chunk, requests=3, decode_tokens=0, seed=0
    )
    device = open_device(options.device)
    program = resolve(options.model, workload=workload, dtype=options.dtype, seed=0, fault=None)
    session = Session(program, device, settings, Recorder(lambda event: None))
    program.load(device, settings.capture_mode)
    prewarm(session)
    warm_up(session)
    return session


def _bare(session: Session, call: Call) -> Callable[[], object]:
    return lambda: session.program.forward(call)


def _pass(
    session: Session,
    forward: Callable[[Session, Call], Callable[[], object]],
    around: AbstractContextManager[None] | None = None,
) -> float:
    """Seconds of one pass over the calls that an audit runs eagerly."""
    session.device.synchronize()
    started = time.perf_counter()
    with around or nullcontext():
        for call in steps_of(session.calls):
            session.program.prepare(call)
            session.program.runner.on_capture_stream(forward(session, call))
            session.device.synchronize()
            session.program.between(call)
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
