"""`bisect` on imp's mistakes, alone and several at once: found, at the right line, proven, in how many processes."""

import json
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from validation_page import Part
from validation_shell import Completed, run

from imp_graphcheck.faults import ENGINE_FAULTS
from imp_graphcheck.faults.pairs import marked_lines
from imp_graphcheck.selftest.cases import Case as SelftestCase
from imp_graphcheck.selftest.cases import cases

SEVERAL = (
    "per-call-scratch,baked-q-offset",
    "grown-workspace,pinned-temporary",
    "rebuilt-block-table,baked-split-count",
    "per-call-scratch,grown-workspace,baked-q-offset",
)
_PLACES = ("allocation", "free", "launch")


@dataclass(frozen=True, slots=True)
class Case:
    """The faults to put back; none for the engine as it is."""

    faults: str

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.faults.split(",")) if self.faults else ()


def bisections(seconds: float, device: str, jobs: int) -> Part:
    """Every mistake of imp's history, some of them together, and the engine without any."""
    wanted = [Case(""), *map(Case, ENGINE_FAULTS), *map(Case, SEVERAL)]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(jobs) as pool:
        done = list(pool.map(lambda case: _bisected(case, device, seconds, folder), wanted))
    rows = [_row(case, each, device) for case, each in zip(wanted, done, strict=True)]
    header = (
        "| mistake | exit | codes of the causes | right line | proven | processes | seconds |",
        "|---|--:|---|---|---|--:|--:|",
    )
    return Part(
        title=f"bisect on imp's mistakes, on {device}",
        passed=all(row.endswith("| ok |") for row in rows),
        runs=(done[0],),
        text="\n".join((header[0] + " |", header[1] + "---|", *rows)),
        show_stdout=False,
    )


def _bisected(case: Case, device: str, seconds: float, folder: str) -> Completed:
    options = ("--fault", case.faults) if case.faults else ()
    size = ("--device", device, "--pp", "256", "--chunk", "64", "--repeat", "3")
    output = ("--output", str(Path(folder) / (case.faults or "none")), "--format", "json", "--quiet")
    command = (sys.executable, "-m", "imp_graphcheck", "bisect", "qwen3-moe-tiny", *size, *options, *output)
    return run(command, seconds)


def _row(case: Case, done: Completed, device: str) -> str:
    try:
        found = json.loads(done.stdout)
    except json.JSONDecodeError:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        return f"| {case.faults or 'none'} | {done.outcome} | {last[:120]} | - | - | - | - | **no** |"
    causes = found["causes"]
    codes = [cause["finding"]["code"] for cause in causes]
    lines = [_line_is_right(name, causes) for name in case.names if device == "sim" or not _on_sim_only(name)]
    proven = sum(bool(cause["proof"]) for cause in causes)
    noticed = [finding["code"] for finding in found["noticed"]]
    ok = found["status"] == ("found" if codes else "nothing found") and all(lines)
    ok = ok and all({*codes, *noticed} & _accepted(name) for name in case.names)
    ok = ok and bool(case.names or not codes)
    return (
        f"| {case.faults or 'none'} | {done.outcome} | {', '.join(codes) or _noticed(noticed)} | "
        f"{'yes' if lines and all(lines) else 'no' if lines else '-'} | {proven} of {len(causes)} | "
        f"{len(found['trials'])} | {found['seconds']:.0f} | {'ok' if ok else '**no**'} |"
    )


def _noticed(codes: list[str]) -> str:
    return f"none; noticed {', '.join(codes)}" if codes else "-"


def _accepted(name: str) -> set[str]:
    return {_selftest(name).code, *_selftest(name).also}


def _on_sim_only(name: str) -> bool:
    """Whether a card does not tell the lines of this one: where pinned memory was allocated."""
    return _selftest(name).lines_sim_only


def _selftest(name: str) -> SelftestCase:
    return next(case for case in cases() if case.fault_option == name)


def _line_is_right(name: str, causes: list[dict[str, Any]]) -> bool:
    """Whether a cause names every line that the fault marks, or the fault marks none."""
    wanted = marked_lines(sys.modules[type(ENGINE_FAULTS[name]).__module__])
    return not wanted or any(
        all(_at(cause["finding"], place) == wanted[place] for place in _PLACES if place in wanted)
        for cause in causes
    )


def _at(finding: dict[str, Any], place: str) -> tuple[str, int] | None:
    site = finding[f"{place}_site"]
    return None if site is None else (Path(site["file"]).name, site["line"])
