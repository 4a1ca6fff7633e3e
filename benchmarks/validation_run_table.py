"""A run of `capture`, read from its JSON document: stages, node census and rates, beside what imp published.

imp's figures are from its pull requests #178 and #179 (stages, tokens/s) and #182 (census): one RTX 5090, NVFP4 weights,
a prompt of 1,024 tokens, 3 repetitions. Card and number format differ, so the rates stand side by side as orientation;
what compares is which stages hold, and the gain of captured over eager.
"""

import json
from collections import Counter
from statistics import median
from typing import Any

from validation_page import Part
from validation_shell import Completed

IMP_STAGES = {
    "load": "build: clean",
    "prewarm": "handle prewarm: clean",
    "warm-up": "eager warm-up: ok",
    "capture": "capture: ok",
    "replay": "replay: illegal memory access (#178), working (#179)",
    "speed": "12,285 to 15,604 tokens/s, +27.0 % (#179)",
}
IMP_CENSUS = {"kernel": 771, "memcpy": 48}
IMP_RATES = (12_285, 15_604)


def run_page(title: str, done: Completed) -> Part:
    """The page of one run. It passed if the tool calls the run clean."""
    try:
        document = json.loads(done.stdout)
    except json.JSONDecodeError as error:
        text = f"There is no JSON document on stdout: {error}."
        return Part(title=title, passed=False, runs=(done,), text=text)
    sections = [
        f"Verdict: **{document['verdict']}**: {document['verdict_reason']}",
        _stages(document),
        _graphs(document),
        _rates(document),
        _findings(document),
        "\n".join(f"- {note}" for note in document["notes"]),
        "imp: one RTX 5090, NVFP4 weights, pp=1024. Another card and another number format.",
    ]
    text = "\n\n".join(section for section in sections if section)
    return Part(title=title, passed=done.returncode == 0, runs=(done,), text=text, show_stdout=False)


def _stages(document: dict[str, Any]) -> str:
    rows = [
        f"| {stage['name']} | {stage['status']} | {stage['seconds']:.2f} | {stage['detail']} "
        f"| {IMP_STAGES.get(stage['name'], '')} |"
        for stage in document["stages"]
    ]
    return "\n".join(["| stage | status | seconds | what | imp |", "|---|---|--:|---|---|", *rows])


def _graphs(document: dict[str, Any]) -> str:
    """Nodes by kind, one row for each graph."""
    graphs = document["graphs"]
    if not graphs:
        return "No graph was captured."
    censuses = [Counter(node["kind"] for node in graph["nodes"]) for graph in graphs]
    kinds = [kind for kind, _ in sum(censuses, Counter()).most_common()]
    rows = [
        f"| {graph['key']} | {census.total()} | {' | '.join(str(census[kind]) for kind in kinds)} "
        f"| {graph['capture_seconds'] * 1e3:.0f} | {(graph['pool_bytes'] or 0) / 2**20:.1f} | {graph['replays']} |"
        for graph, census in zip(graphs, censuses, strict=True)
    ]
    imp = " | ".join(str(IMP_CENSUS.get(kind, "")) for kind in kinds)
    return "\n".join(
        [
            f"| graph | nodes | {' | '.join(kinds)} | capture ms | pool MiB | replays |",
            f"|---|{'--:|' * (len(kinds) + 4)}",
            *rows,
            f"| imp, Qwen3-Coder-30B (#182) | 819 | {imp} | | | |",
        ]
    )


def _rates(document: dict[str, Any]) -> str:
    """Tokens per second of both arms, from the median of the paired timings."""
    speed = document["speed"]
    if not speed or not speed["tokens"]:
        return "No rate was measured."
    eager, captured = (speed["tokens"] / median(speed[arm]) for arm in ("eager_seconds", "captured_seconds"))
    pairs = len(speed["eager_seconds"])
    rows = [
        f"| this run ({speed['tokens']} tokens, {pairs} pairs) | {eager:,.0f} | {captured:,.0f} "
        f"| {captured / eager - 1:+.1%} |",
        f"| imp (#179) | {IMP_RATES[0]:,} | {IMP_RATES[1]:,} | {IMP_RATES[1] / IMP_RATES[0] - 1:+.1%} |",
    ]
    return "\n".join(["| tokens/s | eager | captured | gain |", "|---|--:|--:|--:|", *rows])


def _findings(document: dict[str, Any]) -> str:
    return "\n".join(
        f"- {finding['code']} ({finding['severity']}): {finding['message']}"
        for finding in document["findings"]
    )
