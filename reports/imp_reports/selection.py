"""Which nodes of a graph a reader wants to see."""

from dataclasses import dataclass

from imp_graphcheck.record.graph import GraphTrace, Node
from imp_reports.ownership import DEAD, Memory, Touch, touches_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Every condition that is given must hold. Texts match anywhere, in any case; `nodes` is first and last."""

    nodes: tuple[int, int] | None = None
    kernel: str | None = None
    op: str | None = None
    pointer: int | None = None
    dead: bool = False

    @property
    def is_everything(self) -> bool:
        """Whether no condition is given."""
        return self == Selection()


def selected(graph: GraphTrace, memory: Memory, selection: Selection) -> tuple[Node, ...]:
    """The nodes of `graph` that meet all conditions, in launch order."""
    return tuple(node for node in graph.nodes if _meets(node, graph, memory, selection))


def _meets(node: Node, graph: GraphTrace, memory: Memory, wanted: Selection) -> bool:
    if wanted.nodes is not None and not wanted.nodes[0] <= node.index <= wanted.nodes[1]:
        return False
    if wanted.kernel is not None and wanted.kernel.casefold() not in node.name.casefold():
        return False
    if wanted.op is not None and wanted.op.casefold() not in (node.op or "").casefold():
        return False
    if wanted.pointer is None and not wanted.dead:
        return True
    found = tuple(touches_of(node, graph, memory))
    if wanted.dead and not any(touch.standing in DEAD for touch in found):
        return False
    return wanted.pointer is None or any(reaches(touch, wanted.pointer) for touch in found)


def reaches(touch: Touch, address: int) -> bool:
    """Whether a pointer points into the allocation that holds `address`, or reaches it by its span."""
    if touch.allocation is not None:
        return touch.allocation.address <= address < touch.allocation.end
    start = touch.pointer.address
    return start <= address < start + max(1, touch.pointer.span_bytes or 0)
