"""What the template of a bisection is given: the causes with their source lines and proofs, and what they are held against."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imp_graphcheck.record.bisection import Bisection, BisectionStatus
from imp_graphcheck.record.probe import ProbeResult
from imp_graphcheck.record.run import Run
from imp_reports.bisection_words import TITLES, necessity, next_commands, outcome, subject, summary
from imp_reports.fold import differing
from imp_reports.page.excerpts import Sources
from imp_reports.page.facts import Facts
from imp_reports.page.finding_view import FindingView, site_views
from imp_reports.text import count, number

Placed = tuple[tuple[str, ProbeResult], ...]
"""Interventions, each after its place in the JSON document."""

_COLOURS: dict[BisectionStatus, str] = {
    "found": "findings",
    "nothing found": "clean",
    "inconclusive": "inconclusive",
    "interrupted": "interrupted",
    "running": "running",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """How the captured arm stood before anything was done to the program."""

    outcome: str
    calls: int
    wrong_calls: int
    max_abs_delta: float | None
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseView:
    """A cause: the finding, whether it is needed to fail, and the interventions that show it. `told` is the best of them."""

    view: FindingView
    necessary: str
    proof: Placed
    told: str


def bisection_view(
    bisection: Bisection, directory: Path, *, first: Run | None, titles: Mapping[str, str], sources: Sources
) -> dict[str, Any]:
    """Everything that `bisection.html.j2` names. `first` is the record of the first trial, if it can be had."""
    return {
        "bisection": bisection,
        "facts": Facts(bisection),
        "title": TITLES[bisection.status],
        "colour": _COLOURS[bisection.status],
        "subject": subject(bisection),
        "summary": summary(bisection),
        "causes": tuple(_cause(bisection, n, titles, sources) for n in range(len(bisection.causes))),
        "before": None if first is None else before(first),
        "tried": _placed("/tried", bisection.tried),
        "next": next_commands(bisection, directory),
        "command": shlex.join(bisection.command),
        "count": count,
        "number": number,
        "two_digits": "{:.2f}".format,
    }


def before(first: Run) -> Before:
    """What the first trial saw, which ran the program as it is."""
    wrong = differing(first.calls)
    failed = next(
        (stage for stage in first.stages if stage.status in ("failed", "died") and _ran(stage.name)), None
    )
    deltas = [call.max_abs_delta for call in wrong if call.max_abs_delta is not None]
    died = failed is not None and failed.name != "compare"
    return Before(
        outcome="died" if died else "wrong" if wrong or failed is not None else "right",
        calls=len(first.calls),
        wrong_calls=len(wrong),
        max_abs_delta=max(deltas, default=None),
        detail="" if failed is None else failed.detail,
    )


def _ran(stage: str) -> bool:
    """Whether a stage has to do with replays; what is wrong before it is told by the finding."""
    return stage in ("replay", "compare")


def _cause(bisection: Bisection, position: int, titles: Mapping[str, str], sources: Sources) -> CauseView:
    cause = bisection.causes[position]
    last = cause.proof[-1] if cause.proof else None
    return CauseView(
        view=FindingView(
            position=position,
            finding=cause.finding,
            title=titles.get(cause.finding.code, ""),
            sites=site_views(cause.finding, sources),
        ),
        necessary=necessity(cause),
        proof=_placed(f"/causes/{position}/proof", cause.proof),
        told="" if last is None else f"{last.intervention}: {outcome(last)}",
    )


def _placed(at: str, probes: tuple[ProbeResult, ...]) -> Placed:
    return tuple((f"{at}/{n}", probe) for n, probe in enumerate(probes))
