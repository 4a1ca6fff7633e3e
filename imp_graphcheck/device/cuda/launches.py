"""Which operator launched a node, and from which line."""

from collections.abc import Sequence

from imp_graphcheck.device.op_trace import Launch, launch_of_node
from imp_graphcheck.device.stack import RawStack, site_of
from imp_graphcheck.record.site import Site


class Launches:
    """The operators of one capture, by the node they made. `sites` grows as nodes are asked for, each line once."""

    def __init__(self, launches: Sequence[Launch]) -> None:
        self._launches = launches
        self._by_node = launch_of_node(launches)
        self._sites: dict[Site, int] = {}
        self._by_stack: dict[tuple[tuple[int, int], ...], int | None] = {}

    @property
    def sites(self) -> tuple[Site, ...]:
        """The launching lines, in the order of their indices."""
        return tuple(self._sites)

    def of(self, created: int) -> tuple[str | None, int | None]:
        """Operator and index of the line for the node that was created `created`-th."""
        launch = self._by_node.get(created)
        if launch is None:
            return None, None
        return launch.op, self._index(launch.stack)

    def _index(self, stack: RawStack) -> int | None:
        # By identity: to hash a code object is to hash all its instructions. The launches keep them alive.
        key = tuple([(id(code), line) for code, line in stack])
        if key not in self._by_stack:
            site = site_of(stack)
            self._by_stack[key] = None if site is None else self._sites.setdefault(site, len(self._sites))
        return self._by_stack[key]
