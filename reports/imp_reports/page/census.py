"""How many nodes there are of what: by kind, by operator, by launching line."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from imp_graphcheck.record.graph import GraphTrace
from imp_reports.text import place

MAX_BARS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """`share` is in percent of the longest bar."""

    label: str
    nodes: int
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """The most frequent first; `left_out` nodes are in none of the bars."""

    title: str
    bars: tuple[Bar, ...]
    left_out: int


def census(graph: GraphTrace) -> tuple[Bars, ...]:
    """What is known of `graph`; a list whose labels nobody knows is left away."""
    sites = (graph.launch_site(node) for node in graph.nodes)
    lists = (
        _bars("by kind", (node.kind for node in graph.nodes)),
        _bars("by operator", (node.op or node.name for node in graph.nodes)),
        _bars("by launching line", (place(site) for site in sites if site is not None)),
    )
    return tuple(bars for bars in lists if bars.bars)


def _bars(title: str, labels: Iterable[str]) -> Bars:
    counted = Counter(labels).most_common()
    top = counted[0][1] if counted else 1
    return Bars(
        title=title,
        bars=tuple(
            Bar(label=label, nodes=n, share=round(100 * n / top, 1)) for label, n in counted[:MAX_BARS]
        ),
        left_out=sum(n for _, n in counted[MAX_BARS:]),
    )
