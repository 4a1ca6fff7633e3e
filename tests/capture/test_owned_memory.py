"""GC207 from end to end, with alloc nodes put into what the software GPU tells of its graphs."""

from collections.abc import Callable
from typing import Any

import pytest

from imp_graphcheck.device.sim import device
from imp_graphcheck.record.graph import Node, Param
from imp_graphcheck.record.run import Run

Check = Callable[..., Run]


@pytest.fixture
def allocates(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Node], int]], None]:
    """`allocates(where)`: every graph ends in an alloc node at the address that `where` makes of its first node."""

    def patched(where: Callable[[Node], int]) -> None:
        known = device.read_nodes

        def read_nodes(*arguments: Any) -> Any:
            nodes, sites = known(*arguments)
            data = where(nodes[0]).to_bytes(8, "little").hex()
            target = Param(name="target", data=data)
            alloc = Node(index=len(nodes), kind="alloc", name="alloc", size_bytes=64, params=(target,))
            return (*nodes, alloc), sites

        monkeypatch.setattr(device, "read_nodes", read_nodes)

    return patched


def pointer(node: Node, access: str) -> int:
    return next(p.address for param in node.params for p in param.pointers if p.access == access)


def test_memory_that_nobody_holds(check: Check, allocates: Callable[..., None]) -> None:
    allocates(lambda node: 0x1234000)
    run = check("scaled")
    assert [(finding.code, finding.severity) for finding in run.findings] == [("GC207", "warning")]
    assert run.verdict == "clean"


@pytest.mark.parametrize("access", ["read", "write"])
def test_an_input_and_an_output_have_owners(
    check: Check, allocates: Callable[..., None], access: str
) -> None:
    allocates(lambda node: pointer(node, access))
    assert check("scaled").findings == ()
