"""Nodes that the same line launched through the same operator, told together: what they read and write, and whose it is."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from imp_graphcheck.record.graph import GraphTrace, Node
from imp_reports.ownership import DEAD, Memory, Touch, family, owner, touches_of
from imp_reports.text import count

MAX_OWNERS = 4

TRANSIENTS = "transients"
"""Memory of the graph's own pool, which has no name worth telling."""


@dataclass(slots=True)
class Group:
    """`reads` and `writes` count the pointers into each owner; `dead` are the owners that are gone."""

    op: str
    where: str
    indices: list[int] = field(default_factory=list)
    reads: dict[str, int] = field(default_factory=dict)
    writes: dict[str, int] = field(default_factory=dict)
    dead: dict[str, str] = field(default_factory=dict)


def grouped(nodes: Iterable[Node], graph: GraphTrace, memory: Memory) -> tuple[Group, ...]:
    """Groups in the order of their first node."""
    groups: dict[tuple[str, str], Group] = {}
    for node in nodes:
        site = graph.launch_site(node)
        key = (node.op or node.name, "-" if site is None else f"{Path(site.file).name}:{site.line}")
        group = groups.setdefault(key, Group(*key))
        group.indices.append(node.index)
        for touch in touches_of(node, graph, memory):
            _add(group, touch)
    return tuple(groups.values())


def _add(group: Group, touch: Touch) -> None:
    name = TRANSIENTS if touch.standing == "own pool" else family(owner(touch.allocation))
    held = group.writes if touch.writes else group.reads
    held[name] = held.get(name, 0) + 1
    if touch.standing in DEAD:
        group.dead[name] = touch.standing


def ranges(indices: Sequence[int], most: int = 4) -> str:
    """`3, 7-9, 14 and 12 more`: node numbers, in runs."""
    runs: list[list[int]] = []
    for index in indices:
        if runs and index == runs[-1][1] + 1:
            runs[-1][1] = index
        else:
            runs.append([index, index])
    shown = [str(first) if first == last else f"{first}-{last}" for first, last in runs[:most]]
    left = sum(last - first + 1 for first, last in runs[most:])
    return ", ".join(shown) + (f" and {left} more" if left else "")


def owners(held: dict[str, int], dead: dict[str, str]) -> str:
    """The owners of a group: the dead first and marked, transients last."""
    order = sorted(held, key=lambda name: (name not in dead, name == TRANSIENTS))
    shown = [f"{name} ({dead[name]})" if name in dead else name for name in order[:MAX_OWNERS]]
    if len(order) > MAX_OWNERS:
        shown.append(f"{count(len(order) - MAX_OWNERS, 'owner')} more")
    return ", ".join(shown)
