"""What every rendering of a bisection says of it in the same words."""

import shlex
from pathlib import Path

from imp_graphcheck.record.bisection import Bisection, BisectionStatus, Cause
from imp_graphcheck.record.probe import ProbeResult
from imp_reports.headline import without_option
from imp_reports.text import count, number

TITLES: dict[BisectionStatus, str] = {
    "found": "Cause found",
    "nothing found": "Nothing found",
    "inconclusive": "Inconclusive",
    "interrupted": "Interrupted",
    "running": "Running",
}


def subject(bisection: Bisection) -> str:
    """What was searched."""
    if bisection.target is None:
        return str(bisection.settings.get("model", "the target"))
    return f"{bisection.target.name} on {bisection.target.device}"


def summary(bisection: Bisection) -> str:
    """What line one says after the status."""
    effort = f"{count(len(bisection.trials), 'process', 'processes')}, {bisection.seconds:.0f} s"
    if bisection.status != "found":
        return f"{subject(bisection)}: {effort}"
    proven = sum(bool(cause.proof) for cause in bisection.causes)
    how = "proven" if proven == len(bisection.causes) else f"{proven} of them proven"
    together = {True: ", mending all makes it right", False: ", mending all is not enough", None: ""}
    causes = f"{count(len(bisection.causes), 'cause')}, {how}{together[bisection.sufficient]}"
    return f"{subject(bisection)}: {causes} ({effort})"


def outcome(probe: ProbeResult) -> str:
    """How the captured arm stood after an intervention, with the numbers if there are any."""
    if probe.outcome == "wrong" and probe.wrong_calls:
        worst = "" if probe.max_abs_delta is None else f", max |delta| {number(probe.max_abs_delta)}"
        return f"{probe.wrong_calls} of {probe.calls} calls wrong{worst}"
    if probe.outcome == "wrong":
        return probe.detail or "wrong"
    return f"{probe.outcome}, {probe.detail}" if probe.detail else probe.outcome


def necessity(cause: Cause) -> str:
    """What is known of the answers with everything mended but this cause."""
    return {True: "necessary", False: "not necessary", None: ""}[cause.necessary]


def next_commands(bisection: Bisection, directory: Path) -> tuple[tuple[str, str], ...]:
    """The commands that make sense after this, each after the reason for it. `directory` is where it is saved."""
    commands: list[tuple[str, str]] = []
    if bisection.reproduction is not None:
        program = shlex.quote(f"{directory / bisection.reproduction}:target")
        commands.append(
            ("reproduction", f"imp-graphcheck capture {program} {bisection.reproduction_options}".rstrip())
        )
    if bisection.status == "interrupted":
        commands.append(("to go on", f"imp-graphcheck bisect --resume {shlex.quote(str(directory))}"))
    if bisection.status == "found":
        faultless = without_option(bisection.command, "--fault")
        word = "after the change" if faultless == bisection.command else "without the fault"
        commands.append((word, shlex.join(faultless)))
    return tuple(commands)
