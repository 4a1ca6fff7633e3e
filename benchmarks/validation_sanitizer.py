"""compute-sanitizer memcheck on the mistakes that `bisect` is tried on: what it says, and how long it takes."""

import re
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from validation_page import Part
from validation_shell import Completed, run

FAULTS = (
    "per-call-scratch",
    "grown-workspace",
    "recycled-pool-slot",
    "pinned-temporary",
    "baked-q-offset",
    "skipped-first-replay",
)
_ERRORS = re.compile(r"ERROR SUMMARY: (\d+) error")
_FIRST = re.compile(r"=========\s+(Invalid [^\n]+|Program hit[^\n]+)\n=========\s+(at [^\n]+)?")
_NEAREST = re.compile(r"=========\s+(?:and is|Access at [^\n]*and is) ([^\n]*nearest allocation[^\n]*)")


def sanitized(seconds: float) -> Part:
    """Every one of `FAULTS` in an engine without the tool, under memcheck. There is nothing to pass: it is a comparison."""
    tool = shutil.which("compute-sanitizer")
    if tool is None:
        return Part(title=TITLE, passed=False, text="compute-sanitizer is not on this machine.")
    with ThreadPoolExecutor(len(FAULTS)) as pool:
        done = list(pool.map(lambda fault: _checked(tool, fault, seconds), FAULTS))
    rows = [_row(fault, each) for fault, each in zip(FAULTS, done, strict=True)]
    header = ["| mistake | exit | errors | what it names first | seconds |", "|---|--:|--:|---|--:|"]
    text = (
        "The engine is run without the tool (`benchmarks/bare_replays.py`). memcheck names a kernel and a distance to the "
        "nearest allocation; it names nobody who allocated or freed, and memory that the caching allocator still holds is "
        "valid to it. `bisect.md` has what `bisect` says of the same mistakes."
    )
    return Part(
        title=TITLE,
        passed=all(_ERRORS.search(each.stdout) for each in done),
        runs=(done[0],),
        text="\n".join((text, "", *header, *rows)),
        show_stdout=False,
    )


TITLE = "compute-sanitizer memcheck on the same mistakes"


def _checked(tool: str, fault: str, seconds: float) -> Completed:
    program = (
        sys.executable,
        str(Path("benchmarks") / "bare_replays.py"),
        "--device",
        "cuda",
        "--fault",
        fault,
    )
    return run(
        (tool, "--tool", "memcheck", "--report-api-errors", "no", "--print-limit", "3", *program), seconds
    )


def _row(fault: str, done: Completed) -> str:
    errors, first, nearest = (each.search(done.stdout) for each in (_ERRORS, _FIRST, _NEAREST))
    named = " ".join(part for part in (first.groups() if first else ()) if part)[:160]
    if nearest:
        named += f"; {nearest.group(1)}"
    count = errors.group(1) if errors else "no summary"
    return f"| {fault} | {done.outcome} | {count} | {named or '-'} | {done.seconds:.0f} |"
