"""Two runs compared: graphs by key, findings that came and went, figures that moved.

difference = run_diff(before, after)
print(difference.equal)
"""

from collections import Counter
from dataclasses import dataclass

from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.graph import GraphTrace
from imp_graphcheck.record.run import Run
from imp_reports.fold import AGREEING
from imp_reports.node_diff import NodeChange, aligned, changes
from imp_reports.ownership import Memory, memory_of
from imp_reports.text import place

DIFF_SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphDifference:
    """One graph key. `before` and `after` are node counts, None where the run has no such graph.

    `census` says how many nodes of each kind there were and are, where that differs. `removed` holds indices of the
    first run's nodes, `added` of the second's.
    """

    key: str
    before: int | None
    after: int | None
    removed: tuple[int, ...] = ()
    added: tuple[int, ...] = ()
    changes: tuple[NodeChange, ...] = ()
    census: dict[str, tuple[int, int]]

    @property
    def equal(self) -> bool:
        """Whether the two graphs do the same to the same memory."""
        return self.before == self.after and not (self.removed or self.added or self.changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number of both runs. `counts` is false for timings: they differ between any two runs."""

    name: str
    before: float | str | None
    after: float | str | None
    counts: bool = True

    @property
    def equal(self) -> bool:
        """Whether nothing moved."""
        return self.before == self.after


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDifference:
    """Everything that differs. `came` are findings of the second run that the first has not."""

    schema_version: int = DIFF_SCHEMA_VERSION
    before: str
    after: str
    graphs: tuple[GraphDifference, ...]
    came: tuple[Finding, ...]
    went: tuple[Finding, ...]
    figures: tuple[Figure, ...]

    @property
    def equal(self) -> bool:
        """Whether nothing differs that should not."""
        return (
            all(graph.equal for graph in self.graphs)
            and not self.came
            and not self.went
            and all(figure.equal for figure in self.figures if figure.counts)
        )


def run_diff(before: Run, after: Run) -> RunDifference:
    """What differs between two saved runs."""
    old, new = (_by_key(run) for run in (before, after))
    memories = memory_of(before), memory_of(after)
    keys = dict.fromkeys((*old, *new))
    return RunDifference(
        before=before.id,
        after=after.id,
        graphs=tuple(_graph(key, old.get(key), new.get(key), memories) for key in keys),
        came=_only_in(after, before),
        went=_only_in(before, after),
        figures=_figures(before, after),
    )


def _by_key(run: Run) -> dict[str, GraphTrace]:
    """A key that was captured again keeps its place; the graphs after the first are told apart by a number."""
    found: dict[str, GraphTrace] = {}
    seen: Counter[str] = Counter()
    for graph in run.graphs:
        seen[graph.key] += 1
        found[graph.key if seen[graph.key] == 1 else f"{graph.key} (capture {seen[graph.key]})"] = graph
    return found


def _graph(
    key: str, before: GraphTrace | None, after: GraphTrace | None, memories: tuple[Memory, Memory]
) -> GraphDifference:
    counts = [{} if graph is None else graph.census for graph in (before, after)]
    census = {
        kind: (counts[0].get(kind, 0), counts[1].get(kind, 0))
        for kind in dict.fromkeys((*counts[0], *counts[1]))
        if counts[0].get(kind) != counts[1].get(kind)
    }
    if before is None or after is None:
        return GraphDifference(
            key=key,
            before=None if before is None else len(before.nodes),
            after=None if after is None else len(after.nodes),
            census=census,
        )
    alignment = aligned(before, after)
    return GraphDifference(
        key=key,
        before=len(before.nodes),
        after=len(after.nodes),
        removed=alignment.removed,
        added=alignment.added,
        changes=changes(before, after, alignment.pairs, memories),
        census=census,
    )


def _only_in(run: Run, other: Run) -> tuple[Finding, ...]:
    """Findings without a counterpart: the same rule, graph, kernel, argument and lines."""
    left = Counter(_identity(finding) for finding in other.findings)
    found = []
    for finding in run.findings:
        if left[_identity(finding)]:
            left[_identity(finding)] -= 1
        else:
            found.append(finding)
    return tuple(found)


def _identity(finding: Finding) -> tuple[object, ...]:
    sites = (finding.allocation_site, finding.free_site, finding.launch_site)
    places = tuple(None if site is None else place(site) for site in sites)
    return (finding.code, finding.severity, finding.graph, finding.kernel, finding.argument, *places)


def _figures(before: Run, after: Run) -> tuple[Figure, ...]:
    pairs = [(_measured(before), _measured(after))]
    return tuple(
        Figure(name=name, before=old.get(name), after=new.get(name), counts=name not in _TIMINGS)
        for old, new in pairs
        for name in dict.fromkeys((*old, *new))
    )


_TIMINGS = ("eager / captured", "stages, seconds")


def _measured(run: Run) -> dict[str, float | str | None]:
    deltas = [call.max_abs_delta for call in run.calls if call.max_abs_delta is not None]
    noise = [call.noise_max_abs_delta for call in run.calls if call.noise_max_abs_delta is not None]
    return {
        "verdict": run.verdict,
        "replays": run.replays,
        "calls compared": len(run.calls),
        "calls that differ from eager": sum(call.agreement not in AGREEING for call in run.calls),
        "largest difference from eager": max(deltas, default=None),
        "noise floor": max(noise, default=None),
        "state bytes that differ": sum(state.bytes_different for state in run.state),
        "graph pools, bytes": sum(graph.pool_bytes or 0 for graph in run.graphs),
        "calls that ran eagerly": sum(run.fallbacks.values()),
        "eager / captured": None if run.speed is None else run.speed.ratio_median,
        "stages, seconds": round(sum(stage.seconds for stage in run.stages), 3),
    }
