"""What a trial costs that is forked from a warm template, against one with an interpreter of its own.

    python benchmarks/warm_start.py [MODEL] [--pairs 7]

Each pair runs the stages of `capture` on the software GPU once per side, in alternating order; the template has been
made before, and what that takes is a figure of its own. Beside the whole trial, the time until its first event is
given: that is what a template is for. The figures are ratios of the same pair, so that a busy machine slows both sides.
Prints one JSON document.
"""

import argparse
import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from imp_graphcheck.capture.launch import run_capture
from imp_graphcheck.capture.settings import CaptureSettings
from imp_graphcheck.capture.warm import warm_trials
from imp_graphcheck.child import Template
from imp_graphcheck.child.events import Event


@dataclass(frozen=True, slots=True)
class Trial:
    """Seconds until the first event, and in all."""

    until_first_event: float
    whole: float


def main() -> None:
    options = _options()
    plain, forked = [], []
    with tempfile.TemporaryDirectory() as folder, warm_trials("sim") as template:
        settings = CaptureSettings(
            model=options.model, pp=options.pp, chunk=options.chunk, device="sim", reps=0, output=folder
        )
        first = _trial(settings, template)
        for pair in range(options.pairs + 1):
            sides = [(plain, None), (forked, template)]
            for trials, start in sides if pair % 2 else reversed(sides):
                trials.append(_trial(settings, start))
        assert template.forked == options.pairs + 2, template.problem
    plain, forked = plain[1:], forked[1:]  # the first pair warms up
    pairs = list(zip(plain, forked, strict=True))
    whole = [a.whole / b.whole for a, b in pairs]
    start = [a.until_first_event / b.until_first_event for a, b in pairs]
    print(
        json.dumps(
            {
                "model": options.model,
                "first_forked_seconds": first.whole,
                "plain_seconds": [trial.whole for trial in plain],
                "forked_seconds": [trial.whole for trial in forked],
                "plain_start_seconds": [trial.until_first_event for trial in plain],
                "forked_start_seconds": [trial.until_first_event for trial in forked],
                "ratio_of_trials_median": median(whole),
                "ratio_of_starts_median": median(start),
                "ratio_of_trials_range": [min(whole), max(whole)],
                "ratio_of_starts_range": [min(start), max(start)],
            },
            indent=2,
        )
    )


def _trial(settings: CaptureSettings, template: Template | None) -> Trial:
    started = time.perf_counter()
    first_event: list[float] = []

    def see(_event: Event) -> None:
        if not first_event:
            first_event.append(time.perf_counter() - started)

    captured = run_capture(settings, on_event=see, template=template)
    assert captured.run.verdict == "clean", (captured.run.verdict_reason, Path(captured.directory))
    return Trial(first_event[0], time.perf_counter() - started)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", nargs="?", default="qwen3-tiny")
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--pp", type=int, default=256)
    parser.add_argument("--chunk", type=int, default=64)
    return parser.parse_args()


if __name__ == "__main__":
    main()
