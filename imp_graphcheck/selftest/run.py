"""Runs the cases, several at a time, and judges what came out."""

import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import PurePath

from imp_graphcheck import __version__
from imp_graphcheck.capture.launch import run_capture
from imp_graphcheck.capture.settings import CaptureSettings
from imp_graphcheck.capture.warm import warm_trials
from imp_graphcheck.child.template import Template
from imp_graphcheck.faults.audit_pairs import AUDIT_PAIRS
from imp_graphcheck.record.audit import Audit
from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.matrix import Matrix, MatrixRow
from imp_graphcheck.record.run import Run
from imp_graphcheck.record.site import Site
from imp_graphcheck.selftest.audits import CODE, judged_audit
from imp_graphcheck.selftest.cases import Case, cases
from imp_graphcheck.selftest.shared_runs import SharedRuns

OnRow = Callable[[MatrixRow], None]
HANG_SECONDS = 60.0
"""A replay that reads host memory which is gone does not always end."""
TwinKey = tuple[str, int, str]
"""A twin, and how it is run: several faults share one."""

Judged = tuple[MatrixRow, dict[str, str]]
"""A row, and the environment of its run."""


def run_selftest(device: str, *, jobs: int, only: str | None, on_row: OnRow) -> Matrix:
    """Every case on `device`, `jobs` at a time; `only` keeps the cases whose code or fault starts with it."""
    chosen = [
        case for case in cases() if only is None or case.code.startswith(only) or case.fault.startswith(only)
    ]
    pairs = [
        pair for pair in AUDIT_PAIRS if only is None or CODE.startswith(only) or pair.fault.startswith(only)
    ]
    twins: SharedRuns[TwinKey, Run] = SharedRuns()
    audited_twins: SharedRuns[str, Audit] = SharedRuns()
    judged: dict[int, Judged] = {}

    def note(number: int, found: Judged) -> None:
        judged[number] = found
        on_row(found[0])

    with (
        tempfile.TemporaryDirectory(prefix="graphcheck-selftest-") as folder,
        warm_trials(device) as template,
    ):

        def run(case: Case) -> Judged:
            return _judged(case, device, folder, twins, template)

        with ThreadPoolExecutor(jobs) as pool:
            futures = {
                pool.submit(run, case): number for number, case in enumerate(chosen) if not case.is_timed
            } | {
                pool.submit(judged_audit, pair, device, folder, audited_twins, template): number
                for number, pair in enumerate(pairs, len(chosen))
            }
            for future in as_completed(futures):
                note(futures[future], future.result())
        # What is timed runs by itself, when nobody else wants the device or the cores.
        for number, case in enumerate(chosen):
            if case.is_timed:
                note(number, run(case))
    in_order = [judged[number] for number in sorted(judged)]
    return Matrix(
        device=device,
        tool_version=__version__,
        environment=next((facts for _, facts in in_order if facts), {}),
        rows=tuple(row for row, _ in in_order),
    )


def _judged(
    case: Case, device: str, folder: str, twins: SharedRuns[TwinKey, Run], template: Template | None
) -> Judged:
    started = time.monotonic()
    fault = _run(case.fault_model, case.fault_option, device, folder, case, template)
    key = (case.twin_model, case.reps, case.probe)
    twin = twins.of(key, lambda: _run(case.twin_model, None, device, folder, case, template))
    on_sim = fault.target.device == "sim"
    found = [finding for finding in fault.findings if finding.code in (case.code, *case.also)]
    may_be_silent = case.cuda_only if on_sim else case.sim_only
    problems = list(_problems(case, found, fault, twin, may_be_silent=may_be_silent))
    has_lines = case.lines is not None and not may_be_silent and (on_sim or not case.lines_sim_only)
    wrong_lines = list(_wrong_lines(case, found[0])) if found and has_lines else []
    row = MatrixRow(
        code=case.code,
        fault=case.fault,
        twin=case.twin,
        fired=bool(found),
        right_lines=bool(found) and not wrong_lines if has_lines else None,
        twin_silent=not twin.findings,
        seconds=time.monotonic() - started,
        problem="; ".join((*problems, *wrong_lines)),
        shown=not may_be_silent,
    )
    return row, fault.environment


def _run(
    model: str, fault: str | None, device: str, folder: str, case: Case, template: Template | None
) -> Run:
    settings = CaptureSettings(
        model=model,
        pp=256,
        chunk=64,
        reps=case.reps,
        probe=case.probe,
        device=device,
        fault=fault,
        timeout=HANG_SECONDS,
        output=folder,
        command=("imp-graphcheck", "selftest"),
    )
    return run_capture(settings, on_event=lambda event: None, template=template).run


def _problems(
    case: Case, found: list[Finding], fault: Run, twin: Run, *, may_be_silent: bool
) -> Iterable[str]:
    if not found and not may_be_silent:
        others = ", ".join(finding.code for finding in fault.findings) or "nothing"
        yield f"{case.code} did not fire on {case.fault} ({others} did)"
    if twin.findings:
        codes = ", ".join(finding.code for finding in twin.findings)
        yield f"{codes} fired on the clean twin {case.twin}"
    elif twin.verdict != "clean":
        yield f"the clean twin {case.twin} is {twin.verdict}: {twin.verdict_reason}"


def _wrong_lines(case: Case, finding: Finding) -> Iterable[str]:
    sites: dict[str, Site | None] = {
        "allocation": finding.allocation_site,
        "free": finding.free_site,
        "launch": finding.launch_site,
    }
    for place, (file, line) in (case.lines or {}).items():
        site = sites[place]
        if site is None or (PurePath(site.file).name, site.line) != (file, line):
            yield f"{place} at {site}, expected {file}:{line}"
