"""A bisection on a terminal, or in a pipe: the cause first, then its proof, then what it took."""

import shlex
from pathlib import Path

from rich.console import Console

from imp_graphcheck.record.bisection import Bisection, Cause
from imp_graphcheck.record.probe import ProbeResult
from imp_graphcheck.record.site import Site
from imp_reports.headline import cause as told
from imp_reports.page.excerpts import Sources
from imp_reports.text import count, number, place, print_line, print_table, print_title, print_to_copy

_STYLES = {
    "found": "bold red",
    "nothing found": "bold green",
    "inconclusive": "bold yellow",
    "interrupted": "bold yellow",
    "running": "bold yellow",
}


def print_bisection(bisection: Bisection, directory: Path, console: Console) -> None:
    """Print all of `bisection`, which is saved in `directory`."""
    print_line(console, (bisection.status.upper(), _STYLES[bisection.status]), "  ", _summary(bisection))
    sources = Sources((Path.cwd(),), bisection.started_at)
    for index, cause in enumerate(bisection.causes):
        if index == 1:
            print_title(console, "Further causes")
        _print_cause(cause, sources, console)
    if not bisection.causes and bisection.reason:
        print_line(console, bisection.reason)
    for symptom in bisection.symptoms:
        print_line(console, (f"{symptom.code} symptom", "dim"), "  ", told(symptom))
    for finding in bisection.noticed:
        print_line(console, (f"{finding.code} {finding.severity}", "yellow"), "  ", told(finding))
    _print_tried(bisection, console)
    _print_trials(bisection, console)
    console.print()
    print_to_copy(console, f"saved: {directory / 'bisection.json'}")
    if bisection.reproduction is not None:
        where = shlex.quote(str(directory / bisection.reproduction))
        print_to_copy(console, f"reproduction: imp-graphcheck capture {where}:target")
    if bisection.status == "interrupted":
        print_to_copy(console, f"to go on: imp-graphcheck bisect --resume {shlex.quote(str(directory))}")


def _summary(bisection: Bisection) -> str:
    subject = "" if bisection.target is None else f"{bisection.target.name} on {bisection.target.device}: "
    effort = f"{count(len(bisection.trials), 'process', 'processes')}, {bisection.seconds:.0f} s"
    if bisection.status != "found":
        return f"{subject}{effort}"
    proven = sum(bool(cause.proof) for cause in bisection.causes)
    how = "proven" if proven == len(bisection.causes) else f"{proven} of them proven"
    together = {True: ", mending all makes it right", False: ", mending all is not enough", None: ""}
    return (
        f"{subject}{count(len(bisection.causes), 'cause')}, {how}{together[bisection.sufficient]} ({effort})"
    )


def _print_cause(cause: Cause, sources: Sources, console: Console) -> None:
    finding = cause.finding
    print_line(console, (f"{finding.code} {finding.confidence}", "red"), "  ", told(finding))
    if finding.remedy:
        print_line(console, "  do: ", finding.remedy)
    for word, value in (
        ("graph", finding.graph),
        ("node", None if finding.node is None else str(finding.node)),
        ("kernel", finding.kernel),
        ("argument", finding.argument),
    ):
        if value is not None:
            print_line(console, (f"  {word:<10}", "dim"), value)
    for word, site in (
        ("allocated", finding.allocation_site),
        ("freed", finding.free_site),
        ("launched", finding.launch_site),
    ):
        if site is not None:
            _print_site(word, site, sources, console)
    for consequence in finding.consequences:
        print_line(console, ("  then      ", "dim"), consequence)
    for probe in cause.proof:
        print_line(console, ("  proof     ", "dim"), f"{_outcome(probe)}: {probe.intervention}")


def _print_site(word: str, site: Site, sources: Sources, console: Console) -> None:
    print_line(console, (f"  {word:<10}", "dim"), f"{place(site)} {site.function}()")
    for line in sources.around(site).lines:
        mark = ">" if line.hit else " "
        print_line(console, (f"      {mark} {line.number:>5}  {line.text}", "" if line.hit else "dim"))


def _outcome(probe: ProbeResult) -> str:
    if probe.outcome == "wrong" and probe.wrong_calls:
        worst = "" if probe.max_abs_delta is None else f", max |delta| {number(probe.max_abs_delta)}"
        return f"{probe.wrong_calls} of {probe.calls} calls wrong{worst}"
    if probe.outcome == "wrong":
        return probe.detail or "wrong"
    return f"{probe.outcome}, {probe.detail}" if probe.detail else probe.outcome


def _print_tried(bisection: Bisection, console: Console) -> None:
    if bisection.tried:
        print_title(console, "Tried")
        rows = [
            (probe.probe, probe.outcome, f"{probe.wrong_calls}/{probe.calls}", probe.intervention)
            for probe in bisection.tried
        ]
        print_table(console, ("probe", "outcome", "wrong", "what was done"), rows, right=("wrong",))
    for sentence in bisection.ruled_out:
        print_line(console, ("ruled out  ", "dim"), sentence)
    for note in bisection.notes:
        print_line(console, ("note  ", "dim"), note)


def _print_trials(bisection: Bisection, console: Console) -> None:
    if not bisection.trials:
        return
    print_title(console, "Trials, each in a process of its own")
    rows = [
        (str(trial.number), trial.kind, f"{trial.seconds:.1f}", trial.run, trial.outcome)
        for trial in bisection.trials
    ]
    print_table(console, ("", "kind", "seconds", "record", "outcome"), rows, right=("", "seconds"))
