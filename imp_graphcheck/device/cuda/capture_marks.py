"""How far captures had come when memory was handed out.

Every time somebody asks how far a capture has come, a mark is made: a number that only grows. Allocations carry the last
mark before them, so it can be told afterwards which allocations a node could have known: those before the first mark
that counts the node. Clocks are not used, since the allocator's and the host's differ by more than an operator takes.

A mark notes the last node of the stream; how many there were by then is known once the graph is read.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from imp_graphcheck.device.cuda.graph_driver import Capture


@dataclass(slots=True)
class _Counts:
    """The marks of one capture, the nodes that each noted, and, once it is settled, how many there were: ascending lists."""

    capture: int
    marks: list[int] = field(default_factory=list)
    last: list[tuple[int, ...]] = field(default_factory=list)
    nodes: list[int] = field(default_factory=list)


class CaptureMarks:
    """The marks of all captures. The first one is 1, so that 0 is before everything."""

    def __init__(self) -> None:
        self.last = 0
        self._graphs: dict[int, _Counts] = {}

    def make(self, capture: Capture) -> int:
        """`capture` has come this far. A handle that a newer capture uses again loses its older marks."""
        self.last += 1
        counts = self._graphs.get(capture.graph)
        if counts is None or counts.capture != capture.id:
            counts = self._graphs[capture.graph] = _Counts(capture.id)
        counts.marks.append(self.last)
        counts.last.append(capture.last)
        return self.last

    def settle(self, graph: int, created: Sequence[int]) -> None:
        """`graph` has these nodes, in the order of their creation. What is asked below needs to know.

        Another stream of the capture may have been ahead: as many as at one mark there were at the next one too.
        """
        counts = self._graphs.get(graph)
        if counts is None:
            return
        place = {node: index for index, node in enumerate(created)}
        by_stream = (max((place.get(node, -1) + 1 for node in last), default=0) for last in counts.last)
        counts.nodes = list(accumulate(by_stream, max))

    def nodes_at(self, graph: int, mark: int) -> int:
        """How many nodes `graph` had at `mark`; none before its first one."""
        counts = self._graphs.get(graph)
        place = -1 if counts is None else bisect_right(counts.marks, mark) - 1
        return counts.nodes[place] if counts is not None and place >= 0 else 0

    def after_node(self, graph: int, created: int) -> int | None:
        """The first mark after the node that was created `created`-th; None where none was made after it."""
        counts = self._graphs.get(graph)
        if counts is None:
            return None
        place = bisect_right(counts.nodes, created)
        return counts.marks[place] if place < len(counts.marks) else None

    def last_of(self, graph: int) -> int | None:
        """The last mark of the capture that made `graph`; None where none was made."""
        counts = self._graphs.get(graph)
        return None if counts is None else counts.marks[-1]

    def around_node(self, graph: int, created: int) -> tuple[int | None, int | None]:
        """The last mark before that node and the first one after it."""
        counts = self._graphs.get(graph)
        if counts is None:
            return None, None
        place = bisect_right(counts.nodes, created) - 1
        return (counts.marks[place] if place >= 0 else None), self.after_node(graph, created)
