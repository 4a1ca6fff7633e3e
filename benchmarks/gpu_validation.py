"""Everything that needs a real card, in one call; each part becomes a page.

    PYTHONPATH=.:engine:kernels:reports python benchmarks/gpu_validation.py [--output DIR] [--only PART ...]

The parts are independent, and each page opens with the machine, the versions and the exact command. What fails is
written down like anything else, and makes the exit code 1. All parts share one time limit: what does not fit any more
is recorded as not run.
"""

import argparse
import re
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from validation_bisect import bisections
from validation_machine import machine_facts
from validation_page import Part, page
from validation_run_table import run_page
from validation_sanitizer import sanitized
from validation_shell import REPOSITORY, run

from imp_graphcheck.exit_codes import ExitCode

TOOL = (sys.executable, "-m", "imp_graphcheck")
FAULTS = ("per-call-scratch", "baked-q-offset", "skipped-first-replay")
FAULTY_MODEL = ("qwen3-moe-tiny", "--device", "cuda", "--pp", "256", "--chunk", "64", "--reps", "0")
CODER = ("qwen3-coder-30b-a3b", "--device", "cuda", "--pp", "1024", "--chunk", "512", "--dtype", "bfloat16")


def gpu_tests(seconds: float) -> Part:
    """`pytest -m gpu`, each file in a process of its own: what takes a process down takes no other file with it."""
    until = time.monotonic() + min(seconds, 240)
    marked = (sys.executable, "-m", "pytest", "-m", "gpu", "-p", "no:cacheprovider")
    listed = run((*marked, "--collect-only", "-q", "tests"), until - time.monotonic())
    sizes = Counter(re.findall(r"^(\S+\.py)::", listed.stdout, re.MULTILINE))
    # Those in tests/gpu start processes, and take longest.
    files = sorted(sizes, key=lambda file: ("tests/gpu/" not in file, -sizes[file]))
    with ThreadPoolExecutor(6) as pool:
        done = list(
            pool.map(lambda file: run((*marked, "-q", "--tb=short", file), until - time.monotonic()), files)
        )
    rows = [f"| {each.command[-1]} | {each.outcome} | {_last_line(each.stdout)} |" for each in done]
    # Where every test was skipped, nothing was shown.
    passed = sum(int(count) for each in done for count in re.findall(r"\b(\d+) passed\b", each.stdout))
    return Part(
        title="Tests on a card",
        passed=passed > 0 and all(each.returncode == 0 for each in done),
        runs=tuple(each for each in done if each.returncode != 0),
        text="\n".join((f"{passed} passed.", "", "| file | exit code | |", "|---|---|---|", *rows)),
    )


def faults(seconds: float) -> Part:
    """The engine as it is must come out clean; with a known mistake in it, the mistake must be found."""
    until = time.monotonic() + seconds
    runs, rows, passed = [], [], True
    for fault in (None, *FAULTS):
        options = () if fault is None else ("--fault", fault)
        command = (*TOOL, "capture", *FAULTY_MODEL, *options, "--quiet")
        done = run(command, min(60, until - time.monotonic()))
        expected = ExitCode.CLEAN if fault is None else ExitCode.FINDINGS
        as_expected = done.returncode == expected
        runs.append(done)
        rows.append(
            f"| {fault or 'none'} | {done.outcome} | {expected} | {'yes' if as_expected else '**no**'} |"
        )
        passed = passed and as_expected
    table = ["| fault | exit code | expected | as expected |", "|---|---|---|---|", *rows]
    return Part(
        title="Mistakes put back into the engine", passed=passed, runs=tuple(runs), text="\n".join(table)
    )


def overhead(seconds: float) -> Part:
    """What the tool's own instruments cost."""
    done = run((sys.executable, "benchmarks/instrument_overhead.py"), min(seconds, 90))
    return Part(
        title="What the instruments cost",
        passed=done.returncode == 0,
        runs=(done,),
        text=done.stdout,
        show_stdout=False,
    )


def selftest(seconds: float) -> Part:
    """Every rule on its fault and on the repaired twin."""
    done = run((*TOOL, "selftest", "--device", "cuda", "--jobs", "8"), min(seconds, 300))
    return Part(title="Selftest on a card", passed=done.returncode == 0, runs=(done,), text="")


def stage_overhead(seconds: float) -> Part:
    """The capture and replay stages against a bare capture and replay of the same engine."""
    command = (sys.executable, "benchmarks/stage_overhead.py", *CODER, "--pairs", "5")
    done = run(command, min(seconds, 120))
    text = "The bound on `ratio_median` is 1.5."
    return Part(title="What the captured stages cost", passed=done.returncode == 0, runs=(done,), text=text)


def audit_overhead(seconds: float) -> Part:
    """An eager pass under the call trace against a bare one, at 30B; the bound is 2."""
    size = ("--device", "cuda", "--pp", "1024", "--chunk", "512", "--dtype", "bfloat16", "--passes", "5")
    done = run((sys.executable, "benchmarks/audit_overhead.py", CODER[0], *size), min(seconds, 120))
    return Part(
        title="What it costs to audit a running program", passed=done.returncode == 0, runs=(done,), text=""
    )


def inject_overhead(seconds: float) -> Part:
    """A launch-bound program with and without the injected library; the bound is 1.3."""
    done = run((sys.executable, "benchmarks/inject_overhead.py", "--pairs", "9"), min(seconds, 90))
    ratios = [float(each) for each in re.findall(r'"ratio": ([\d.]+)', done.stdout)]
    return Part(
        title="What the injected library costs a launch-bound program",
        passed=done.returncode == 0 and bool(ratios) and max(ratios) <= INJECT_BOUND,
        runs=(done,),
        text=f"The bound on each `ratio` is {INJECT_BOUND}; the highest is {max(ratios, default='not measured')}.",
    )


def capture_modes(seconds: float) -> Part:
    """What the card answers to each call inside a capture, in each mode."""
    done = run((sys.executable, "benchmarks/capture_modes.py", "--jobs", "12"), min(seconds, 90))
    return Part(
        title="Calls inside a capture, by mode",
        passed=done.returncode == 0,
        runs=(done,),
        text=done.stdout,
        show_stdout=False,
    )


def census_scaling(seconds: float) -> Part:
    """Reading and checking graphs of 100 to 10,000 nodes."""
    with tempfile.TemporaryDirectory() as folder:
        drawn = Path(folder) / "page.md"
        command = (sys.executable, "benchmarks/census_scaling.py", "--device", "cuda")
        done = run((*command, "--page", str(drawn)), min(seconds, 60))
        text = drawn.read_text() if drawn.exists() else ""
    table = text[text.find("| nodes") : text.rfind("```console")]
    return Part(
        title="Reading and checking graphs, from 100 to 10,000 nodes",
        passed=done.returncode == 0,
        runs=(done,),
        text=f"The bound is 25 us per node.\n\n{table}",
        show_stdout=False,
    )


def coder_30b(seconds: float) -> Part:
    """The whole command on the model and the length of imp's pull request."""
    done = run((*TOOL, "capture", *CODER, "--format", "json", "--quiet"), min(seconds, 240))
    return run_page("Qwen3-Coder-30B-A3B, chunked prefill of 1,024 tokens", done)


def coder_30b_speed(seconds: float) -> Part:
    """One request of exactly 1,024 tokens, for a rate that compares with `pp1024` elsewhere."""
    options = ("--requests", "1", "--reps", "5", "--format", "json", "--quiet")
    done = run((*TOOL, "capture", *CODER, *options), min(seconds, 200))
    return run_page("Qwen3-Coder-30B-A3B, one prompt of 1,024 tokens", done)


def bisect(seconds: float) -> Part:
    """Every mistake of imp's history, put back and searched for."""
    return bisections(min(seconds, 150), "cuda", jobs=8)


def bisect_30b(seconds: float) -> Part:
    """An illegal access at the size of imp's pull request, from nothing to the line; the bound is 60 s."""
    options = ("--fault", "per-call-scratch", "--repeat", "0", "--quiet")
    done = run((*TOOL, "bisect", *CODER, *options), min(seconds, 150))
    passed = done.returncode == ExitCode.FINDINGS and done.stdout.startswith("FOUND")
    text = f"{done.seconds:.0f} s in all, weights included; the bound is 60 s, in at most 3 processes."
    return Part(
        title="bisect: an illegal access at 30B",
        passed=passed and done.seconds <= 60,
        runs=(done,),
        text=text,
    )


INJECT_BOUND = 1.3

PARTS: dict[str, Callable[[float], Part]] = {
    "tests": gpu_tests,
    "faults": faults,
    "selftest": selftest,
    "overhead": overhead,
    "stage-overhead": stage_overhead,
    "census-scaling": census_scaling,
    "bisect": bisect,
    "bisect-30b": bisect_30b,
    "sanitizer": sanitized,
    "audit-overhead": audit_overhead,
    "inject-overhead": inject_overhead,
    "capture-modes": capture_modes,
    "coder-30b": coder_30b,
    "coder-30b-speed": coder_30b_speed,
}


def main() -> int:
    """Run the parts that were asked for, and write their pages."""
    arguments = _arguments()
    output: Path = arguments.output
    output.mkdir(parents=True, exist_ok=True)
    facts = machine_facts()
    deadline = time.monotonic() + arguments.limit
    failed = []
    for name in arguments.only or PARTS:
        part = _attempt(name, deadline - time.monotonic())
        (output / f"{name}.md").write_text(page(part, facts), encoding="utf-8")
        print(f"{name}: {'passed' if part.passed else 'FAILED'} ({part.seconds:.0f} s)", flush=True)
        if not part.passed:
            failed.append(name)
    return 1 if failed else 0


def _attempt(name: str, seconds: float) -> Part:
    """One part, whatever happens in it: the parts after it still run, and its page says what went wrong."""
    if seconds < 10:
        return Part(title=name, passed=False, text="Not run: the time limit of the whole call was reached.")
    try:
        return PARTS[name](seconds)
    except Exception:  # noqa: BLE001 - written to the page, and counted as a failure
        return Part(title=name, passed=False, text=f"```\n{traceback.format_exc()}```")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, default=REPOSITORY / "docs" / "validation")
    parser.add_argument("--only", nargs="+", choices=PARTS, metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--limit", type=float, default=520, help="seconds for all parts together")
    return parser.parse_args()


def _last_line(text: str) -> str:
    return next((line for line in reversed(text.splitlines()) if line.strip()), "no output")


if __name__ == "__main__":
    sys.exit(main())
