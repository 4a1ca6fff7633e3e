"""An NVIDIA GPU behind the tool's protocol."""

from collections.abc import Callable, Collection, Container, Hashable, Iterable, Sequence
from contextlib import AbstractContextManager
from functools import cached_property, partial
from types import ModuleType
from typing import Any

import torch

from imp_graphcheck.device.collector import paused_collector
from imp_graphcheck.device.cuda import description, errors, memory_history, page_locked, poison, pools
from imp_graphcheck.device.cuda.call_trace import traced_calls
from imp_graphcheck.device.cuda.capture_marks import CaptureMarks
from imp_graphcheck.device.cuda.capture_probe import CaptureProbe
from imp_graphcheck.device.cuda.contents import copied_to_host
from imp_graphcheck.device.cuda.driver_memory import DriverMemory
from imp_graphcheck.device.cuda.drivers import open_driver, open_launcher
from imp_graphcheck.device.cuda.graph_driver import GraphDriver
from imp_graphcheck.device.cuda.graph_reader import read_nodes
from imp_graphcheck.device.cuda.host_addresses import HostAddresses
from imp_graphcheck.device.cuda.journal import Journal
from imp_graphcheck.device.cuda.launches import Launches
from imp_graphcheck.device.cuda.node_builder import build_nodes
from imp_graphcheck.device.cuda.node_ranges import node_ranges
from imp_graphcheck.device.cuda.pointer_finder import PointerFinder
from imp_graphcheck.device.cuda.stepping import Stepping
from imp_graphcheck.device.cuda.tensor_over import tensor_over
from imp_graphcheck.device.op_trace import Launch
from imp_graphcheck.device.place import Place
from imp_graphcheck.device.protocol import DeviceError, GraphUnreadableError
from imp_graphcheck.device.same_bytes import same_bytes
from imp_graphcheck.device.traced_call import CallRecording
from imp_graphcheck.record.graph import GraphTrace
from imp_graphcheck.record.memory import Allocation


class CudaDevice:
    """See `imp_graphcheck.device.protocol.Device`. It is the card that is current when it is made."""

    kind = "cuda"

    def __init__(self) -> None:
        torch.cuda.init()  # type: ignore[no-untyped-call]
        self._index = torch.cuda.current_device()
        self._journal = Journal(self._index)
        self._marks = CaptureMarks()

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
        return self._journal.recording()

    def trace_calls(self) -> AbstractContextManager[CallRecording]:
        return traced_calls(self.stream_number)

    def stream_number(self) -> int:
        return int(torch._C._cuda_getCurrentRawStream(self._index))

    def keep_up(self) -> None:
        self._journal.update()

    def capture_position(self) -> int:
        """See the protocol: a mark, which also tells later what a node could have pointed at. 0 outside captures."""
        capture = self._probe.capture(torch._C._cuda_getCurrentRawStream(self._index))
        if capture is None:
            return 0
        mark = self._marks.make(capture)
        if self._journal.watching:
            memory_history.mark(mark)
        return mark

    def observe(self, values: Iterable[object], *, created: bool = False) -> None:
        """Watch the pinned host tensors among the arguments of an operator, or (`created`) among its results.

        Torch tells nobody which pinned blocks are in use, so `allocations` knows of the end of those that were
        shown here, and of no other. Called for each operator of a capture, before its nodes are counted.
        """
        self._driver_memory.observe(values, created=created, mark=self._marks.last)

    def read_graph(
        self, graph: Any, *, key: Hashable, capture_seconds: float, launches: Sequence[Launch] = ()
    ) -> GraphTrace:
        """See the protocol. Raises GraphUnreadableError for a graph whose nodes cannot be had."""
        handle = _raw(graph)
        with paused_collector():
            raw = read_nodes(self._driver, handle)
            self._marks.settle(handle, self._driver.nodes(handle))
            operators = Launches(launches, partial(self._marks.nodes_at, handle))
            self._journal.update()
            finder = PointerFinder(
                self._journal, self._driver_memory, partial(self._marks.around_node, handle)
            )
            nodes = build_nodes(raw, finder.find(raw), operators)
        return GraphTrace(
            key=str(key),
            nodes=nodes,
            sites=operators.sites,
            capture_seconds=capture_seconds,
            pool=pools.pool_name(pools.pool_of(graph)),
            pool_bytes=pools.total_bytes(pools.pool_segments(graph)),
        )

    def step(
        self,
        graph: Any,
        on_node: Callable[[int], None] = lambda _: None,
        *,
        before: Callable[[int], None] = lambda _: None,
    ) -> None:
        launcher = open_launcher()
        nodes = read_nodes(self._driver, _raw(graph))
        stream = torch._C._cuda_getCurrentRawStream(self._index)
        Stepping(launcher, stream, self.synchronize).run(nodes, before, on_node)

    def nodes_of(self, graph: Any, launches: Sequence[Launch]) -> list[range]:
        handle = _raw(graph)
        created = [node.created for node in read_nodes(self._driver, handle)]
        return node_ranges(created, launches, partial(self._marks.nodes_at, handle))

    def tensor_at(self, place: Place) -> torch.Tensor:
        return tensor_over(place)

    def apart(self) -> AbstractContextManager[None]:
        return torch.cuda.use_mem_pool(self._own_pool)

    def allocations(self, generations: Collection[int]) -> dict[int, Allocation]:
        self._journal.update()
        found = (
            (self._journal if generation > 0 else self._driver_memory).now(generation)
            for generation in generations
        )
        return {each.generation: each for each in found if each is not None}

    def live_in_pool(self, graph: Any) -> dict[int, Allocation]:
        self._journal.update()
        return self._journal.live_in(pools.pool_name(pools.pool_of(graph)))

    def contents(self, address: int, size_bytes: int) -> bytes | None:
        life = self._journal.owners_of([address]).get(address)
        if life is None or address + size_bytes > life.address + life.size_bytes:
            return None
        return copied_to_host(address, size_bytes)

    def owners_of(self, addresses: Collection[int], *, captured: Any | None = None) -> dict[int, int]:
        """See the protocol. Memory that torch's allocator did not hand out is nobody's here."""
        if captured is None:
            self._journal.update()
            found = self._journal.owners_of(addresses)
        else:  # what was then was told when the graph was read
            mark = self._marks.last_of(_raw(captured))
            found = {} if mark is None else self._journal.owners_of(addresses, mark)
        return {address: life.generation for address, life in found.items()}

    def host_addresses(self) -> Container[int]:
        return HostAddresses()

    def owns(self, graph: Any, tensor: torch.Tensor) -> bool:
        return pools.contains(pools.pool_segments(graph), tensor.data_ptr())

    def host_copy(self, tensor: torch.Tensor) -> torch.Tensor:
        return page_locked.host_copy(tensor)

    def holds(self, tensor: torch.Tensor, copy: torch.Tensor) -> bool:
        with torch.cuda.use_mem_pool(self._own_pool):
            return same_bytes(tensor, copy.to(tensor.device))

    def poison(self, tensor: torch.Tensor) -> None:
        poison.poison(tensor)

    def explain(self, error: BaseException) -> DeviceError | None:
        return errors.explain(error)

    @cached_property
    def _probe(self) -> CaptureProbe:
        return CaptureProbe()

    @cached_property
    def _driver(self) -> GraphDriver:
        return open_driver()

    @cached_property
    def _own_pool(self) -> Any:
        """Where the tool's own tensors lie: they must not get a block that the program gave back."""
        return torch.cuda.MemPool()

    @cached_property
    def _driver_memory(self) -> DriverMemory:
        return DriverMemory(self._driver)


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
