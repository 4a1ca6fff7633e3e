"""A standalone program of plain torch that shows the same finding, kept only if it was run and did."""

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from imp_graphcheck.capture.launch import run_capture
from imp_graphcheck.capture.settings import CaptureSettings
from imp_graphcheck.child.failure import ChildError
from imp_graphcheck.child.process import OnEvent
from imp_graphcheck.errors import UsageError
from imp_graphcheck.record.bisection import Cause
from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.run import Run

FILE = "reproduction.py"
MAX_LINES = 60

Figures = Mapping[str, int | bool]

_CHANGE = re.compile(r" (-?\d+) -> (-?\d+)")
_OWN_MAPPING_BYTES = 32 << 20
_SAME = {"GC202": "GC201"}
"""Freed and unmapped memory are two states of one thing."""


@dataclass(frozen=True, slots=True)
class Template:
    """A module of `programs`, how its constants follow from a finding, and the probe that shows it."""

    module: str
    figures: Callable[[Finding, Sequence[Run]], Figures] = lambda _finding, _runs: {}
    probe: str = ""


def _sizes(finding: Finding, runs: Sequence[Run]) -> Figures:
    sizes = [
        allocation.size_bytes
        for run in runs
        for allocation in run.memory
        if finding.allocation_site is not None
        and allocation.allocation_site is not None
        and allocation.allocation_site.line == finding.allocation_site.line
        and allocation.allocation_site.file == finding.allocation_site.file
    ]
    return {"SIZE_BYTES": max(32, *sizes)} if sizes else {}


def _lifetime(finding: Finding, runs: Sequence[Run]) -> Figures:
    sizes = _sizes(finding, runs)
    if finding.code != "GC202":
        return {**sizes, "UNMAPPED": False}
    # As much as makes the allocator map it by itself: what shares a mapping stays mapped.
    return {"SIZE_BYTES": max(_OWN_MAPPING_BYTES, sizes.get("SIZE_BYTES", 0)), "UNMAPPED": True}


def _change(finding: Finding, _runs: Sequence[Run]) -> Figures:
    """The first number of the call that changed, in the caller's words if there are any."""
    told = finding.message.rpartition(" when ")[2] or finding.message
    found = _CHANGE.search(" " + told)
    if found is None or found[1] == found[2]:
        return {}
    before, after = sorted(abs(int(number)) for number in found.groups())
    return {"BEFORE": max(before, 1) if finding.code != "GC301" else before, "AFTER": max(after, 2)}


TEMPLATES: dict[str, Template] = {
    "GC201": Template("lifetime", _lifetime),
    "GC202": Template("lifetime", _lifetime),
    "GC206": Template("host_source", _sizes),
    "GC301": Template("frozen_number", _change),
    "GC302": Template("frozen_extent", _change),
    "GC303": Template("frozen_branch", _change),
    "GC305": Template("frozen_extent", _change),
    "GC403": Template("staging", _sizes, probe="delay"),
    "GC404": Template("side_stream"),
}


def written(finding: Finding, runs: Sequence[Run]) -> str | None:
    """The program for `finding`; None where there is no template for its code."""
    template = TEMPLATES.get(finding.code)
    if template is None:
        return None
    source = (files("imp_graphcheck.bisect.programs") / f"{template.module}.py").read_text(encoding="utf-8")
    for name, value in template.figures(finding, runs).items():
        source = re.sub(rf"^{name} = .*$", f"{name} = {value!r}", source, flags=re.MULTILINE)
    head = ast.get_docstring(ast.parse(source)) or ""
    device = runs[0].target.device if runs else "auto"
    command = f"imp-graphcheck capture {FILE}:target {_options(template, device)}"
    told = f'"""{head}\n\nShows {finding.code}:\n\n    {command}\n"""'
    return source.replace(f'"""{head}"""', told, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduction:
    """A file, beside the bisection, and the options of `capture` that show its finding."""

    file: str
    options: str


def reproduced(
    causes: Sequence[Cause], runs: Sequence[Run], directory: Path, device: str, *, on_event: OnEvent
) -> Reproduction | None:
    """A program in `directory` that shows the first cause for which there is one; None if it does not show it."""
    for cause in causes:
        text = written(cause.finding, runs)
        if text is None:
            continue
        file = directory / FILE
        file.write_text(text, encoding="utf-8")
        if _shows(cause.finding.code, file, directory, device, on_event):
            return Reproduction(file=FILE, options=_options(TEMPLATES[cause.finding.code], device))
        file.unlink()
        return None
    return None


def _options(template: Template, device: str) -> str:
    probe = f" --probe {template.probe}" if template.probe else ""
    return f"--device {device}{probe}"


def _shows(code: str, file: Path, directory: Path, device: str, on_event: OnEvent) -> bool:
    settings = CaptureSettings(
        model=f"{file}:target",
        device=device,
        reps=0,
        probe=TEMPLATES[code].probe,
        output=str(directory / "reproduction"),
        command=("imp-graphcheck", "capture", f"{file}:target"),
    )
    try:
        run = run_capture(settings, on_event=on_event).run
    except (ChildError, UsageError):
        return False
    return _SAME.get(code, code) in {_SAME.get(finding.code, finding.code) for finding in run.findings}
