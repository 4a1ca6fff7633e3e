"""Nodes launched alone, through a stand-in for the bindings: which, with what, in which order, and who is blamed."""

from typing import Any

import pytest
import torch

from imp_graphcheck.device.cuda.bindings import BindingsDriver
from imp_graphcheck.device.cuda.calls import Calls
from imp_graphcheck.device.cuda.errors import explain
from imp_graphcheck.device.cuda.graph_reader import read_nodes
from imp_graphcheck.device.cuda.node_launcher import NodeLauncher
from imp_graphcheck.device.cuda.stepping import Stepping
from imp_graphcheck.device.protocol import StepError, StepRefusedError

STREAM = 5


class Steps:
    """Steps a graph of the stand-in, and notes what was said in which order."""

    def __init__(self, bindings: Any, dies_after: int | None = None) -> None:
        self.bindings = bindings
        self.dies_after = dies_after
        self.heard: list[tuple[str, int]] = []

    def wait(self) -> None:
        if self.dies_after is not None and len(self.bindings.launched) > self.dies_after:
            raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered\nmore")

    def run(self, graph: int = 1) -> list[str]:
        nodes = read_nodes(BindingsDriver(self.bindings, "13.3.1"), graph)
        stepping = Stepping(NodeLauncher(Calls(self.bindings, "bindings")), STREAM, self.wait)
        stepping.run(
            nodes,
            lambda node: self.heard.append(("before", node)),
            lambda node: self.heard.append(("on", node)),
        )
        return [node.name for node in nodes]


def test_each_kind_is_launched_with_the_parameters_of_its_node(bindings: Any, make: Any) -> None:
    nodes = [
        make.kernel(func=7, arguments=[b"12345678"], shape=((2, 1, 1), (32, 1, 1), 48)),
        make.copy((1, 10), (2, 20)),
        make.memset(4, 8, 1, dst=4096),
        make.host(99),
    ]
    bindings.add(1, nodes, [(0, 1), (1, 2), (2, 3)])
    steps = Steps(bindings)
    steps.run()
    kinds = ["kernel", "memcpy", "memset", "host"]
    assert bindings.launched == [(kind, node.parameters) for kind, node in zip(kinds, nodes, strict=True)]
    assert steps.heard == [(what, index) for index in range(4) for what in ("before", "on")]
    assert [source for _, source in bindings.attributes] == [1000], "of the kernel, and of no other kind"
    assert bindings.calls.count(f"launch on {STREAM}") == 4
    assert bindings.single == {}, "nothing is left behind"
    assert bindings.calls.count("cuGraphExecDestroy") == 4


def test_indices_are_those_of_the_reader_inside_child_graphs_too(bindings: Any, make: Any) -> None:
    bindings.add(2, [make.kernel(func=8), make.kernel(func=9)], [(0, 1)])
    bindings.add(1, [make.kernel(func=7), make.child(2), make.Node(5), make.kernel(func=6)], [(0, 1), (1, 3)])
    steps = Steps(bindings)
    names = steps.run()
    assert len(names) == 6
    assert [node for what, node in steps.heard if what == "before"] == list(range(6))
    assert [int(parameters.func) for _, parameters in bindings.launched] == [7, 8, 9, 6]


@pytest.mark.parametrize("kind", ["event wait", "event record", "empty"])
def test_nodes_of_order_launch_nothing(bindings: Any, make: Any, kind: str) -> None:
    number = {"event wait": 6, "event record": 7, "empty": 5}[kind]
    bindings.add(1, [make.Node(number), make.kernel(func=7)], [(0, 1)])
    steps = Steps(bindings)
    steps.run()
    assert [kind for kind, _ in bindings.launched] == ["kernel"]
    assert steps.heard == [("before", 0), ("on", 0), ("before", 1), ("on", 1)]


def refused(make: Any) -> dict[str, Any]:
    return {
        "alloc": make.alloc(64),
        "free": make.free(64),
        "conditional": make.conditional(),
        "memory operations": make.Node(12),
        "a type from the future": make.Node(16),
        "child graph": make.Node(4, make.ILLEGAL_ADDRESS),
    }


@pytest.mark.parametrize("kind", ["alloc", "free", "conditional", "memory operations", "child graph"])
def test_what_cannot_be_launched_alone_is_refused_before_anything_is(
    bindings: Any, make: Any, kind: str
) -> None:
    bindings.add(1, [make.kernel(func=7), refused(make)[kind]], [(0, 1)])
    steps = Steps(bindings)
    with pytest.raises(StepRefusedError, match=rf"node 1 \({kind}.*cannot be launched alone"):
        steps.run()
    assert (bindings.launched, steps.heard) == ([], [])


def test_the_node_that_is_not_completed_is_named(bindings: Any, make: Any) -> None:
    bindings.symbols["function", 7] = "_ZN2at6native5scaleEPff"
    bindings.add(1, [make.kernel(func=7)] * 3, [(0, 1), (1, 2)])
    steps = Steps(bindings, dies_after=1)
    with pytest.raises(StepError, match=r"node 1 at::native::scale\(float\*, float\): CUDA error") as caught:
        steps.run()
    assert steps.heard == [("before", 0), ("on", 0), ("before", 1)]
    assert "more" not in str(caught.value)
    said = explain(caught.value)
    assert said is not None
    assert (said.number, said.sticky) == (700, True)
    assert (said.graph_node, said.kernel) == (1, "at::native::scale(float*, float)")


def test_an_error_of_earlier_work_is_nobodys(bindings: Any, make: Any) -> None:
    bindings.add(1, [make.kernel(func=7)])
    steps = Steps(bindings, dies_after=-1)
    with pytest.raises(torch.AcceleratorError) as caught:
        steps.run()
    assert not isinstance(caught.value, StepError)
    assert steps.heard == []


NUMBERS: dict[int, str] = {
    700: "an illegal memory access was encountered",
    710: "device-side assert triggered",
    716: "misaligned address",
    719: "unspecified launch failure",
}


@pytest.mark.parametrize("number", NUMBERS)
def test_whatever_the_device_dies_of(number: int) -> None:
    error = StepError(4, "gather", RuntimeError(f"CUDA error: {NUMBERS[number]}"))
    error.__cause__ = RuntimeError(f"CUDA error: {NUMBERS[number]}")
    said = explain(error)
    assert said is not None
    assert (said.number, said.sticky, said.graph_node, said.kernel) == (number, True, 4, "gather")


def refusal(bindings: Any, make: Any, call: str) -> str:
    bindings.add(1, [make.kernel(func=7)])
    bindings.refusing[call] = make.ILLEGAL_ADDRESS[0]
    with pytest.raises(StepRefusedError) as caught:
        Steps(bindings).run()
    return str(caught.value)


@pytest.mark.parametrize("call", ["cuGraphCreate", "kernel"])
def test_a_driver_that_will_not_is_no_fault_of_the_node(bindings: Any, make: Any, call: str) -> None:
    assert "CUDA_ERROR_ILLEGAL_ADDRESS" in refusal(bindings, make, call)
    assert bindings.single == {}


def test_a_driver_that_will_not_because_the_device_died(bindings: Any, make: Any) -> None:
    bindings.add(1, [make.kernel(func=7)])
    steps = Steps(bindings)
    waits = iter([None, torch.AcceleratorError("CUDA error: unspecified launch failure")])

    def wait() -> None:
        error = next(waits)
        if error is not None:
            raise error

    steps.wait = wait  # type: ignore[method-assign]
    bindings.refusing["cuGraphCreate"] = make.ILLEGAL_ADDRESS[0]
    with pytest.raises(StepError, match="node 0"):
        steps.run()


def test_without_bindings_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from imp_graphcheck.device.cuda.drivers import open_launcher

    monkeypatch.setitem(sys.modules, "cuda.bindings", None)
    with pytest.raises(StepRefusedError, match=r"imp-graphcheck\[cuda\]"):
        open_launcher()
