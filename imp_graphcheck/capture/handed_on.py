"""What a captured forward left in the program's hands: tensors of the graph's own pool that places of the program hold.

The captures beside those that are replayed run `forward` too, and its Python binds such places to their own tensors, which
no replay ever writes. Afterwards the places hold again what the filed captures had left there.
"""

from typing import Any

from imp_graphcheck.capture.session import Session
from imp_graphcheck.target.bindings import bindings, tensors_in


def handed_on(session: Session) -> dict[str, Any]:
    """The places that hold tensors of a filed graph, and those tensors."""
    survivors = [
        allocation
        for captured in session.program.runner.captured.values()
        for allocation in session.device.live_in_pool(captured.graph).values()
    ]
    if not survivors:
        return {}

    def is_of_a_graph(value: Any) -> bool:
        addresses = [
            tensor.data_ptr() for tensor in tensors_in(value) if tensor.device.type == session.device.kind
        ]
        return any(each.address <= address < each.end for address in addresses for each in survivors)

    return {
        name: binding.value
        for name, binding in bindings(session.program.roots()).items()
        if is_of_a_graph(binding.value)
    }


def hand_back(session: Session, held: dict[str, Any]) -> None:
    """Bind the places to them again that are bound to something else now."""
    if not held:
        return
    places = bindings(session.program.roots())
    for name, value in held.items():
        place = places.get(name)
        if place is not None and place.value is not value:
            place.put(value)
