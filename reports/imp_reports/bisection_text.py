"""A bisection on a terminal, or in a pipe: the cause first, then its proof, then what it took."""

from pathlib import Path

from rich.console import Console

from imp_graphcheck.record.bisection import Bisection, Cause
from imp_graphcheck.record.site import Site
from imp_reports.bisection_words import next_commands, outcome, summary
from imp_reports.headline import cause as told
from imp_reports.page.excerpts import Sources
from imp_reports.sites import sites_of
from imp_reports.text import place, print_line, print_table, print_title, print_to_copy

_STYLES = {
    "found": "bold red",
    "nothing found": "bold green",
    "inconclusive": "bold yellow",
    "interrupted": "bold yellow",
    "running": "bold yellow",
}


def print_bisection(bisection: Bisection, directory: Path, console: Console) -> None:
    """Print all of `bisection`, which is saved in `directory`."""
    print_line(console, (bisection.status.upper(), _STYLES[bisection.status]), "  ", summary(bisection))
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
    for word, command in next_commands(bisection, directory):
        print_to_copy(console, f"{word}: {command}")


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
    for word, site in sites_of(finding):
        _print_site(word, site, sources, console)
    for consequence in finding.consequences:
        print_line(console, ("  then      ", "dim"), consequence)
    for probe in cause.proof:
        print_line(console, ("  proof     ", "dim"), f"{outcome(probe)}: {probe.intervention}")


def _print_site(word: str, site: Site, sources: Sources, console: Console) -> None:
    print_line(console, (f"  {word:<10}", "dim"), f"{place(site)} {site.function}()")
    for line in sources.around(site).lines:
        mark = ">" if line.hit else " "
        print_line(console, (f"      {mark} {line.number:>5}  {line.text}", "" if line.hit else "dim"))


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
