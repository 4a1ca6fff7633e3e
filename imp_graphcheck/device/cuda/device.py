"""An NVIDIA GPU behind the tool's protocol."""

from collections.abc import Hashable
from contextlib import AbstractContextManager
from functools import cached_property
from types import ModuleType
from typing import Any

import torch

from imp_graphcheck.device.cuda import description, errors, memory_history, poison, pools
from imp_graphcheck.device.cuda.drivers import open_driver
from imp_graphcheck.device.cuda.graph_driver import GraphDriver
from imp_graphcheck.device.cuda.graph_reader import read_nodes
from imp_graphcheck.device.protocol import DeviceError, GraphUnreadableError
from imp_graphcheck.record.graph import GraphTrace


class CudaDevice:
    """See `imp_graphcheck.device.protocol.Device`. It is the card that is current when it is made."""

    kind = "cuda"

    def __init__(self) -> None:
        torch.cuda.init()  # type: ignore[no-untyped-call]
        self._index = torch.cuda.current_device()

    @property
    def torch_device(self) -> torch.device:
        return torch.device("cuda", self._index)

    @property
    def module(self) -> ModuleType:
        return torch.cuda

    @property
    def timing_caveat(self) -> str:
        return ""

    def describe(self) -> dict[str, str]:
        return description.describe(self._index)

    def synchronize(self) -> None:
        torch.cuda.synchronize(self._index)

    def reserved_bytes(self) -> int:
        return torch.cuda.memory_reserved(self._index)

    def recording(self) -> AbstractContextManager[None]:
        return memory_history.recording()

    def allocations(self) -> tuple[memory_history.Allocation, ...]:
        """What `recording` has seen; to be called before it ends."""
        return memory_history.snapshot(self._index)

    def read_graph(self, graph: Any, *, key: Hashable, capture_seconds: float) -> GraphTrace:
        """See the protocol. Raises GraphUnreadableError for a graph whose nodes cannot be had."""
        return GraphTrace(
            key=str(key),
            nodes=read_nodes(self._driver, _raw(graph)),
            capture_seconds=capture_seconds,
            pool_bytes=pools.total_bytes(pools.pool_segments(graph)),
        )

    def owns(self, graph: Any, tensor: torch.Tensor) -> bool:
        return pools.contains(pools.pool_segments(graph), tensor.data_ptr())

    def poison(self, tensor: torch.Tensor) -> None:
        poison.poison(tensor)

    def explain(self, error: BaseException) -> DeviceError | None:
        return errors.explain(error)

    @cached_property
    def _driver(self) -> GraphDriver:
        return open_driver()


def _raw(graph: Any) -> int:
    """The driver's handle of a graph that torch holds."""
    try:
        return int(graph.raw_cuda_graph())
    except RuntimeError as error:
        if "keep_graph" in str(error):
            reason = "it was captured without keep_graph=True, so torch has thrown its nodes away"
        else:
            reason = str(error).splitlines()[0]
        raise GraphUnreadableError(f"The graph cannot be read: {reason}.") from error
