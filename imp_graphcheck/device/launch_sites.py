"""The lines that launched the nodes of one graph, each once."""

from imp_graphcheck.device.stack import Identity, RawStack, identity, site_of
from imp_graphcheck.record.site import Site

_UNSEEN = -1


class LaunchSites:
    """Sites by index; they grow as stacks are asked for."""

    def __init__(self) -> None:
        self._sites: dict[Site, int] = {}
        self._by_stack: dict[Identity, int | None] = {}

    @property
    def sites(self) -> tuple[Site, ...]:
        """The launching lines, in the order of their indices."""
        return tuple(self._sites)

    def index(self, stack: RawStack) -> int | None:
        """The index of the line; None for an empty stack. The caller keeps the stack alive."""
        key = identity(stack)
        index = self._by_stack.get(key, _UNSEEN)
        if index == _UNSEEN:
            site = site_of(stack)
            index = None if site is None else self._sites.setdefault(site, len(self._sites))
            self._by_stack[key] = index
        return index
