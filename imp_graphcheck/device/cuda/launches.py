"""Which operator launched a node, and from which line."""

from collections.abc import Callable, Sequence

from imp_graphcheck.device.launch_sites import LaunchSites
from imp_graphcheck.device.op_trace import Launch, launch_of_node
from imp_graphcheck.record.site import Site


class Launches:
    """The operators of one capture, by the node they made. `sites` grows as nodes are asked for, each line once."""

    def __init__(self, launches: Sequence[Launch], nodes_at: Callable[[int], int]) -> None:
        """`nodes_at` turns a position in the capture into a number of nodes."""
        self._by_node = launch_of_node(launches, nodes_at)
        self._lines = LaunchSites()

    @property
    def sites(self) -> tuple[Site, ...]:
        """The launching lines, in the order of their indices."""
        return self._lines.sites

    def of(self, created: int) -> tuple[str | None, int | None]:
        """Operator and index of the line for the node that was created `created`-th."""
        launch = self._by_node.get(created)
        if launch is None:
            return None, None
        return launch.op, self._lines.index(launch.stack)
