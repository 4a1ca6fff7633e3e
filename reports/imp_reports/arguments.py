"""The arguments of a node, in as few words as they need: pointers by the name of what they point at, numbers as numbers."""

from imp_graphcheck.record.graph import GraphTrace, Node, Param, Pointer
from imp_graphcheck.record.word import number_of
from imp_reports.ownership import DEAD, Memory, owner, standing

_ACCESS_WORDS = {"read": "reads", "write": "writes", "readwrite": "updates", "unknown": "touches"}

_LONGEST_SCALAR = 8


def described(node: Node, graph: GraphTrace, memory: Memory) -> tuple[str, ...]:
    """One phrase per argument: `out writes engine.scratch (unmapped)`, `dim 0`."""
    return tuple(_param(param, graph, memory) for param in node.params)


def scalars(node: Node) -> dict[str, str]:
    """The arguments without a pointer, by name."""
    return {param.name: scalar(param) for param in node.params if not pointers_of(param)}


def pointers_of(param: Param) -> tuple[Pointer, ...]:
    """The addresses in `param`, without the words that only looked like one."""
    return tuple(pointer for pointer in param.pointers if pointer.confirmed is not False)


def scalar(param: Param) -> str:
    """The bytes of an argument as a reader would write them; many bytes are told by their number."""
    data = bytes.fromhex(param.data)
    if len(data) > _LONGEST_SCALAR:
        return f"{len(data)} bytes"
    return number_of(data) if data else "nothing"


def _param(param: Param, graph: GraphTrace, memory: Memory) -> str:
    pointers = pointers_of(param)
    if not pointers:
        return f"{param.name} {scalar(param)}"
    return f"{param.name} " + ", ".join(_pointer(pointer, graph, memory) for pointer in pointers)


def _pointer(pointer: Pointer, graph: GraphTrace, memory: Memory) -> str:
    allocation = None if pointer.generation is None else memory.get(pointer.generation)
    state = standing(allocation, graph)
    place_in_it = f" +{pointer.displacement}" if pointer.displacement else ""
    if state == "own pool":
        return f"{_ACCESS_WORDS[pointer.access]} a transient of the graph ({pointer.address:#x})"
    remark = f" ({state})" if state in DEAD or state == "other pool" else ""
    if state == "unknown":
        return f"{_ACCESS_WORDS[pointer.access]} {pointer.address:#x}, which nobody knows"
    return f"{_ACCESS_WORDS[pointer.access]} {owner(allocation)}{place_in_it}{remark}"
