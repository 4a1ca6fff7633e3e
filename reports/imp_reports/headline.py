"""The first three lines of a run: the verdict, the cause, and what to do."""

import shlex
from collections import Counter
from pathlib import Path

from imp_graphcheck.record.finding import SEVERITIES, Finding
from imp_graphcheck.record.run import Run
from imp_reports.comparison import graph_names
from imp_reports.fold import AGREEING
from imp_reports.text import count, place

VERDICT_STYLES = {
    "clean": "bold green",
    "inspected": "bold cyan",
    "findings": "bold red",
    "inconclusive": "bold yellow",
    "interrupted": "bold yellow",
    "failed": "bold magenta",
    "running": "bold yellow",
}


def by_severity(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """The worst first; among equals the one that was seen first, because later ones may follow from it."""
    return tuple(sorted(findings, key=lambda finding: -SEVERITIES.index(finding.severity)))


def summary(run: Run) -> str:
    """What line one says after the verdict."""
    subject = f"{run.target.name} on {run.target.device}"
    if run.findings:
        counts = Counter(finding.severity for finding in run.findings)
        worst_first = [severity for severity in reversed(SEVERITIES) if counts[severity]]
        return f"{subject}: " + ", ".join(count(counts[severity], severity) for severity in worst_first)
    return f"{subject}: {_evidence(run)}"


def cause(finding: Finding) -> str:
    """What line two says of a finding after its code, severity and confidence."""
    places = [
        f"{word} at {place(site)}"
        for word, site in (("allocated", finding.allocation_site), ("freed", finding.free_site))
        if site is not None and place(site) not in finding.message
    ]
    return "; ".join((finding.message.rstrip("."), *places))


def next_command(run: Run) -> tuple[str, str] | None:
    """The command that makes sense after this run, after the reason for it, or None."""
    command = shlex.join(run.command)
    match run.verdict:
        case "findings":
            faultless = without_option(run.command, "--fault")
            if faultless != run.command:
                return "without the fault", shlex.join(faultless)
            return "after the change", command
        case "interrupted" | "failed":
            return "to start over", command
        case "inspected":
            return "to replay them too", shlex.join(_as_capture(run.command))
        case "clean" if run.target.device == "sim":
            on_a_card = (*without_option(run.command, "--device"), "--device", "cuda")
            return "on a machine with an NVIDIA GPU", shlex.join(on_a_card)
    return None


def readers(run: Run, directory: Path) -> tuple[tuple[str, str], ...]:
    """The commands that show more of this run, each with a word for what they show."""
    where = shlex.quote(str(directory))
    page = ("page", f"imp-graphcheck report {where}")
    names, sizes = graph_names(run), {graph.key: len(graph.nodes) for graph in run.graphs}
    for finding in by_severity(run.findings):
        if finding.node is not None and finding.node < sizes.get(finding.graph or "", 0):
            graph = names[finding.graph or ""]
            return (("node", f"imp-graphcheck inspect {where} --graph {graph} --node {finding.node}"), page)
    return (page,)


def _evidence(run: Run) -> str:
    if run.verdict == "inspected":
        nodes = sum(len(graph.nodes) for graph in run.graphs)
        return f"{count(nodes, 'node')} in {count(len(run.graphs), 'graph')}, nothing replayed"
    replays = f"{count(run.replays, 'replay')} of {count(len(run.graphs), 'graph')}"
    compared = len(run.calls)
    if not compared:
        return replays
    agree = sum(call.agreement in AGREEING for call in run.calls)
    if agree < compared:
        return f"{replays}, {compared - agree} of {count(compared, 'compared call')} differ from eager"
    identical = all(call.agreement == "identical" for call in run.calls)
    how = "bit for bit" if identical else "within the noise floor"
    return f"{replays}, {count(compared, 'compared call')} equal to eager {how}"


def _as_capture(command: tuple[str, ...]) -> tuple[str, ...]:
    """`inspect MODEL ...` as `capture MODEL ...`, without the options that only `inspect` has."""
    for option in ("--graph", "--node", "--kernel", "--op", "--pointer", "--limit", "--format"):
        command = without_option(command, option)
    return (*command[:1], "capture", *(word for word in command[2:] if word != "--dead"))


def without_option(command: tuple[str, ...], option: str) -> tuple[str, ...]:
    """`command` without `option VALUE` and `option=VALUE`."""
    before = ("", *command)
    return tuple(
        word
        for previous, word in zip(before, command, strict=False)
        if option not in (previous, word) and not word.startswith(f"{option}=")
    )
