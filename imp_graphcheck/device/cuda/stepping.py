"""A graph replayed node by node, the host waiting after each: the node that is not completed is known by its index."""

from collections.abc import Callable, Sequence

from imp_graphcheck.device.cuda.graph_driver import DriverError
from imp_graphcheck.device.cuda.node_launcher import NodeLauncher
from imp_graphcheck.device.cuda.raw_node import RawNode
from imp_graphcheck.device.protocol import StepError, StepRefusedError

_WITHOUT_WORK = ("event", "empty", "graph")
"""Order, which waiting after each node keeps anyway. The nodes of a child graph are stepped after it."""


class Stepping:
    """`wait` waits for the device, and raises what the device reports."""

    def __init__(self, launcher: NodeLauncher, stream: int, wait: Callable[[], None]) -> None:
        self._launcher = launcher
        self._stream = stream
        self._wait = wait

    def run(
        self, nodes: Sequence[RawNode], before: Callable[[int], None], on_node: Callable[[int], None]
    ) -> None:
        """See `Device.step`. Launches nothing unless all of `nodes` are of kinds that can be launched alone."""
        for node in nodes:
            if node.kind == "graph" and not node.inner:
                raise StepRefusedError(_alone(node, "its own nodes cannot be read"))
            if node.kind not in _WITHOUT_WORK and not self._launcher.can_launch(node.kind):
                raise StepRefusedError(_alone(node, "only the graph that owns it can run it"))
        self._wait()  # an error of earlier work is not the first node's
        for node in nodes:
            before(node.index)
            if node.kind not in _WITHOUT_WORK:
                self._launch(node)
            on_node(node.index)

    def _launch(self, node: RawNode) -> None:
        refused, executable = None, None
        try:
            executable = self._launcher.launch(node.kind, node.handle, self._stream)
        except DriverError as error:
            refused = error
        try:
            self._wait()  # asked in either case: a device that has died refuses every call
        except RuntimeError as error:
            raise StepError(node.index, node.name, error) from error
        if refused is not None:
            raise StepRefusedError(_alone(node, str(refused))) from refused
        self._launcher.destroy(executable)


def _alone(node: RawNode, why: str) -> str:
    return f"The graph cannot be stepped: node {node.index} ({node.name}) cannot be launched alone: {why}."
