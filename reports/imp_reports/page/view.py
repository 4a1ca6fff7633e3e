"""What the templates are given: the record, and the pictures made from it."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.graph import GraphTrace
from imp_graphcheck.record.run import Run
from imp_reports.arguments import described
from imp_reports.comparison import graph_names
from imp_reports.fold import agreeing
from imp_reports.headline import by_severity, next_command, summary
from imp_reports.ownership import memory_of
from imp_reports.page.census import Bars, census
from imp_reports.page.charts import KINDS, distance_chart, timing_chart
from imp_reports.page.excerpts import Sources
from imp_reports.page.facts import Facts, step
from imp_reports.page.finding_view import FindingView, site_views
from imp_reports.page.memory_map import MemoryMap, memory_map
from imp_reports.text import count, mebibytes, number, place, seconds, share

MAX_MAPS = 6
MAX_CALLS = 200
MAX_STATE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphView:
    """A graph with its pictures; `map` is None where no arguments were read, or the map was left out.

    `marked` are the nodes that findings name, each once: node, position of the finding, code.
    """

    position: int
    name: str
    graph: GraphTrace
    bars: tuple[Bars, ...]
    map: MemoryMap | None
    marked: tuple[tuple[int, int, str], ...]
    hover: dict[str, Any] | None


def view_of(run: Run, *, titles: Mapping[str, str], sources: Sources) -> dict[str, Any]:
    """Everything that `page.html.j2` names."""
    names = graph_names(run)
    calls = [(n, call) for n, call in enumerate(run.calls)]
    odd = [(n, call) for n, call in calls if call.agreement not in ("identical", "noise")]
    changed = [(n, state) for n, state in enumerate(run.state) if state.bytes_different]
    findings = tuple(_finding(run, n, finding, titles, sources, names) for n, finding in _ordered(run))
    return {
        "run": run,
        "facts": Facts(run),
        "step": step,
        "summary": summary(run),
        "findings": findings,
        "graphs": _graphs(run, names),
        "names": names,
        "odd_calls": odd[:MAX_CALLS],
        "odd_left_out": max(0, len(odd) - MAX_CALLS),
        "folds": agreeing(run.calls),
        "changed_state": changed[:MAX_STATE],
        "changed_left_out": max(0, len(changed) - MAX_STATE),
        "eager_calls": sum(call.path == "eager" for call in run.calls),
        "next": next_command(run),
        "distances": distance_chart(run),
        "kinds": KINDS,
        "timings": timing_chart(run.speed),
        "command": shlex.join(run.command),
        "count": count,
        "number": number,
        "share": share,
        "seconds": seconds,
        "mebibytes": mebibytes,
        "two_digits": "{:.2f}".format,
    }


def _ordered(run: Run) -> list[tuple[int, Finding]]:
    position = {id(finding): n for n, finding in enumerate(run.findings)}
    return [(position[id(finding)], finding) for finding in by_severity(run.findings)]


def _finding(
    run: Run,
    position: int,
    finding: Finding,
    titles: Mapping[str, str],
    sources: Sources,
    names: Mapping[str, str],
) -> FindingView:
    graph = next((graph for graph in run.graphs if graph.key == finding.graph), None)
    arguments: tuple[str, ...] = ()
    if graph is not None and finding.node is not None and finding.node < len(graph.nodes):
        arguments = described(graph.nodes[finding.node], graph, memory_of(run))
    return FindingView(
        position=position,
        finding=finding,
        title=titles.get(finding.code, ""),
        sites=site_views(finding, sources),
        graph=names.get(finding.graph or ""),
        arguments=arguments,
    )


def _graphs(run: Run, names: Mapping[str, str]) -> tuple[GraphView, ...]:
    """Maps are drawn of the graphs that findings name, then of the others in order, up to a limit."""
    memory = memory_of(run)
    accused = {finding.graph for finding in run.findings}
    by_need = sorted(range(len(run.graphs)), key=lambda n: (run.graphs[n].key not in accused, n))
    drawn = set(by_need[:MAX_MAPS])
    views = []
    for position, graph in enumerate(run.graphs):
        picture = memory_map(graph, memory) if position in drawn else None
        marked: dict[int, tuple[int, int, str]] = {}
        for place_in_record, finding in _ordered(run):
            if finding.graph == graph.key and finding.node is not None:
                marked.setdefault(finding.node, (finding.node, place_in_record, finding.code))
        views.append(
            GraphView(
                position=position,
                name=names[graph.key],
                graph=graph,
                bars=census(graph),
                map=picture,
                marked=tuple(marked.values()),
                hover=None if picture is None else _hover(graph),
            )
        )
    return tuple(views)


def _hover(graph: GraphTrace) -> dict[str, Any]:
    """Name and launching line of every node, each text once."""
    texts: dict[str, int] = {}

    def index(text: str) -> int:
        return texts.setdefault(text, len(texts))

    nodes = []
    for node in graph.nodes:
        site = graph.launch_site(node)
        nodes.append([index(node.name), -1 if site is None else index(place(site))])
    return {"nodes": nodes, "texts": list(texts)}
