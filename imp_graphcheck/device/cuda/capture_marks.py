"""How far captures had come when memory was handed out.

Every time somebody counts the nodes of a capture, a mark is made: a number that only grows. Allocations carry the last
mark before them, so it can be told afterwards which allocations a node could have known: those before the first mark
that counts the node. Clocks are not used, since the allocator's and the host's differ by more than an operator takes.
"""

from bisect import bisect_right
from dataclasses import dataclass, field

from imp_graphcheck.device.cuda.graph_driver import Capture


@dataclass(slots=True)
class _Counts:
    """The marks of one capture, and how many nodes there were at each: two ascending lists."""

    capture: int
    nodes: list[int] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)


class CaptureMarks:
    """The marks of all captures. The first one is 1, so that 0 is before everything."""

    def __init__(self) -> None:
        self.last = 0
        self._graphs: dict[int, _Counts] = {}

    def make(self, capture: Capture, nodes: int) -> int:
        """`capture` has `nodes` nodes now. A handle that a newer capture uses again loses its older marks."""
        self.last += 1
        counts = self._graphs.get(capture.graph)
        if counts is None or counts.capture != capture.id:
            counts = self._graphs[capture.graph] = _Counts(capture.id)
        counts.nodes.append(nodes)
        counts.marks.append(self.last)
        return self.last

    def after_node(self, graph: int, created: int) -> int | None:
        """The first mark after the node that was created `created`-th; None where none was made after it."""
        counts = self._graphs.get(graph)
        if counts is None:
            return None
        place = bisect_right(counts.nodes, created)
        return counts.marks[place] if place < len(counts.marks) else None

    def around_node(self, graph: int, created: int) -> tuple[int | None, int | None]:
        """The last mark before that node and the first one after it."""
        counts = self._graphs.get(graph)
        if counts is None:
            return None, None
        place = bisect_right(counts.nodes, created) - 1
        return (counts.marks[place] if place >= 0 else None), self.after_node(graph, created)
