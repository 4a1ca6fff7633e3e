"""Single nodes of a captured graph, launched alone.

Each becomes a graph of one node with the parameters of the captured one: 27 us for a kernel on an H200, where a graph
with all other nodes switched off (cuGraphNodeSetEnabled) takes 740.
"""

from typing import Any

from imp_graphcheck.device.cuda.calls import Calls

_NO_FLAGS = 0
_NO_DEPENDENCIES: tuple[None, int] = (None, 0)


class NodeLauncher:
    """Launches kernels, copies, memsets and host functions. `call` reaches the driver."""

    def __init__(self, call: Calls) -> None:
        self._call = call
        self._add = {
            "kernel": self._kernel,
            "memcpy": self._memcpy,
            "memset": self._memset,
            "host": self._host,
        }

    def can_launch(self, kind: str) -> bool:
        """Whether nodes of this kind can be launched alone."""
        return kind in self._add

    def launch(self, kind: str, node: int, stream: int) -> Any:
        """Launch a copy of `node`; returns what `destroy` wants when it has run. Raises DriverError."""
        graph = self._call("cuGraphCreate", _NO_FLAGS)[0]
        try:
            self._add[kind](graph, node)
            executable = self._call("cuGraphInstantiate", graph, _NO_FLAGS)[0]
        finally:
            self._call("cuGraphDestroy", graph)
        self._call("cuGraphLaunch", executable, stream)
        return executable

    def destroy(self, executable: Any) -> None:
        """Give back what `launch` made."""
        self._call("cuGraphExecDestroy", executable)

    def _kernel(self, graph: Any, node: int) -> None:
        # The parameters are the node's own memory, and are copied by the call.
        parameters = self._call("cuGraphKernelNodeGetParams", node)[0]
        copy = self._call("cuGraphAddKernelNode", graph, *_NO_DEPENDENCIES, parameters)[0]
        # Clusters, cooperative launches and the carve-out of shared memory are attributes.
        self._call("cuGraphKernelNodeCopyAttributes", copy, node)

    def _memcpy(self, graph: Any, node: int) -> None:
        parameters = self._call("cuGraphMemcpyNodeGetParams", node)[0]
        self._call("cuGraphAddMemcpyNode", graph, *_NO_DEPENDENCIES, parameters, self._context())

    def _memset(self, graph: Any, node: int) -> None:
        parameters = self._call("cuGraphMemsetNodeGetParams", node)[0]
        self._call("cuGraphAddMemsetNode", graph, *_NO_DEPENDENCIES, parameters, self._context())

    def _host(self, graph: Any, node: int) -> None:
        parameters = self._call("cuGraphHostNodeGetParams", node)[0]
        self._call("cuGraphAddHostNode", graph, *_NO_DEPENDENCIES, parameters)

    def _context(self) -> Any:
        return self._call("cuCtxGetCurrent")[0]
