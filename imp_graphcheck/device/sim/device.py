"""The software GPU behind the tool's protocol."""

import ctypes
import os
import platform
from collections.abc import Callable, Collection, Container, Hashable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import ModuleType

import torch

from imp_graphcheck.device.op_trace import Launch as OpLaunch
from imp_graphcheck.device.place import Place
from imp_graphcheck.device.protocol import DeviceError, StepError
from imp_graphcheck.device.same_bytes import same_bytes
from imp_graphcheck.device.sim import backend
from imp_graphcheck.device.sim.arguments import DEVICE_TYPE
from imp_graphcheck.device.sim.errors import Fault, RuntimeCode, SimError, SimLibraryError
from imp_graphcheck.device.sim.gpu import current_gpu
from imp_graphcheck.device.sim.graph import CUDAGraph
from imp_graphcheck.device.sim.graph_reader import read_nodes
from imp_graphcheck.device.sim.owners import Owner, now, pool_name
from imp_graphcheck.device.sim.streams import current_stream
from imp_graphcheck.device.sim.tensors import point, span_bytes, tensor_over
from imp_graphcheck.device.sim.work import Memset
from imp_graphcheck.device.stack import site_of, take_stack
from imp_graphcheck.device.traced_call import CallRecording
from imp_graphcheck.record.graph import GraphTrace
from imp_graphcheck.record.memory import Allocation

_MEANING = {
    700: "a kernel touched an address that is not mapped; every later call in this process fails with the same error",
    710: "an assertion inside a kernel failed, most often an index that is out of range",
    900: "a call that a capture forbids was made while a stream was capturing",
    901: "an earlier call inside the capture was refused; that earlier error is the cause",
    904: "a stream was forked into the capture and never joined back",
    905: "a captured stream was made to wait for work outside the capture",
    906: "the default stream was made to wait for a captured one",
}


class SimDevice:
    """See `imp_graphcheck.device.protocol.Device`."""

    kind = DEVICE_TYPE

    def __init__(self) -> None:
        backend.enable()
        self._owners: dict[int, Owner] = {}
        """Who held the addresses of the graphs that were read, by generation."""

    @property
    def torch_device(self) -> torch.device:
        return torch.device(DEVICE_TYPE, 0)

    @property
    def module(self) -> ModuleType:
        return torch.get_device_module(DEVICE_TYPE)  # type: ignore[no-any-return]

    @property
    def timing_caveat(self) -> str:
        return "; on the software GPU, which says nothing of a real one"

    def describe(self) -> dict[str, str]:
        return {
            "device": "software GPU (sim)",
            "device_memory_bytes": str(current_gpu().arena.capacity_bytes),
            "torch": str(torch.__version__),
            "host": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        }

    def synchronize(self) -> None:
        current_gpu().synchronize_device()

    def reserved_bytes(self) -> int:
        return current_gpu().allocator.reserved_bytes

    def recording(self) -> AbstractContextManager[None]:
        # Sites of allocations are always kept here: they cost two microseconds each.
        return nullcontext()

    @contextmanager
    def trace_calls(self) -> Iterator[CallRecording]:
        recording = CallRecording(traced_by="the software GPU, which makes the calls itself")
        with current_gpu().trace.recording(recording.calls):
            yield recording

    def stream_number(self) -> int:
        return current_stream().stream_id

    def keep_up(self) -> None:
        """Nothing is forgotten here."""

    def capture_position(self) -> int:
        capture = current_gpu().capture_of(current_stream().stream_id)
        return 0 if capture is None else len(capture.nodes)

    def observe(self, values: Iterable[object], *, created: bool = False) -> None:
        """Nothing to watch: the host allocator is ours and keeps books."""

    def read_graph(
        self,
        graph: CUDAGraph,
        *,
        key: Hashable,
        capture_seconds: float,
        launches: Sequence[OpLaunch] = (),
    ) -> GraphTrace:
        nodes, sites = read_nodes(graph.nodes, launches)
        held = (owner for node in graph.nodes for owner in node.owners)
        self._owners.update({owner.generation: owner for owner in held if owner is not None})
        return GraphTrace(
            key=str(key),
            nodes=nodes,
            sites=sites,
            capture_seconds=capture_seconds,
            pool=pool_name(graph.pool()),
            pool_bytes=current_gpu().allocator.pool_bytes(graph.pool()),
            replays=graph.replays,
        )

    def step(
        self,
        graph: CUDAGraph,
        on_node: Callable[[int], None] = lambda _: None,
        *,
        before: Callable[[int], None] = lambda _: None,
    ) -> None:
        self.synchronize()
        for node in graph.nodes:
            before(node.index)
            try:
                graph.launch(node)
                self.synchronize()
            except SimError as error:
                raise StepError(node.index, node.work.name, error) from error
            on_node(node.index)

    def nodes_of(self, graph: CUDAGraph, launches: Sequence[OpLaunch]) -> list[range]:
        return [range(launch.began, launch.ended) for launch in launches]

    def tensor_at(self, place: Place) -> torch.Tensor:
        return tensor_over(place.address, place.shape, place.strides, place.dtype)

    def apart(self) -> AbstractContextManager[None]:
        return current_gpu().apart()

    def allocations(self, generations: Collection[int]) -> dict[int, Allocation]:
        memory = current_gpu().memory
        return {
            generation: now(self._owners[generation], memory)
            for generation in generations
            if generation in self._owners
        }

    def live_in_pool(self, graph: CUDAGraph) -> dict[int, Allocation]:
        memory = current_gpu().memory
        return {live.generation: now(live, memory) for live in memory.allocator.live_in(graph.pool())}

    def contents(self, address: int, size_bytes: int) -> bytes | None:
        held = current_gpu().allocator.live_at(address)
        if held is None or address + size_bytes > held.address + held.requested:
            return None
        return ctypes.string_at(address, size_bytes)  # what is allocated is mapped, at that very host address

    def owners_of(self, addresses: Collection[int], *, captured: CUDAGraph | None = None) -> dict[int, int]:
        time = None if captured is None else captured.ended_at
        found = current_gpu().allocator.owners_at(addresses, time)
        self._owners.update((held.generation, held) for held in found.values())
        return {address: held.generation for address, held in found.items()}

    def host_addresses(self) -> Container[int]:
        """None: simulated memory is host memory."""
        return ()

    def owns(self, graph: CUDAGraph, tensor: torch.Tensor) -> bool:
        segment = current_gpu().allocator.segment_at(tensor.data_ptr())
        return segment is not None and segment.pool == graph.pool()

    def host_copy(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.detach().to("cpu", copy=True)

    def holds(self, tensor: torch.Tensor, copy: torch.Tensor) -> bool:
        return same_bytes(tensor.to("cpu"), copy)

    def poison(self, tensor: torch.Tensor) -> None:
        size = span_bytes(tuple(tensor.shape), tensor.stride(), tensor.dtype)
        if size == tensor.numel() * tensor.element_size():
            if size:
                memset = Memset(tensor.data_ptr(), 0xFF, size, take_stack())
                current_gpu().enqueue(current_stream().stream_id, memset)
        elif size:
            _bytes_of(tensor).fill_(0xFF)

    def explain(self, error: BaseException) -> DeviceError | None:
        first = _first_device_error(error)
        if isinstance(first, SimError):
            return _described(first.code, first.fault, during_capture=900 <= first.code.number < 910)
        if isinstance(first, SimLibraryError):
            return _described(first.code, None, during_capture=True)
        return None


def _bytes_of(tensor: torch.Tensor) -> torch.Tensor:
    """The bytes of each element, and not what lies between them. An expanded dimension counts once."""
    width = tensor.element_size()
    shape = [size if step else 1 for size, step in zip(tensor.shape, tensor.stride(), strict=True)]
    strides = [step * width for step in tensor.stride()]
    view = torch.empty(0, dtype=torch.uint8, device=tensor.device)
    return point(
        view, tensor.untyped_storage(), int(tensor.storage_offset()) * width, [*shape, width], [*strides, 1]
    )


def _first_device_error(error: BaseException) -> BaseException | None:
    """The oldest error of the device in the chain: torch reports the last one and hides the first."""
    found: BaseException | None = None
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        if isinstance(current, SimError | SimLibraryError):
            found = current
        # `raise first from None` says that the context is a consequence, not a cause.
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return found


def _described(code: RuntimeCode, fault: Fault | None, *, during_capture: bool) -> DeviceError:
    meaning = _MEANING.get(code.number, code.text)
    if fault is None:
        return DeviceError(
            name=code.name,
            number=code.number,
            meaning=meaning,
            sticky=code.sticky,
            during_capture=during_capture,
        )
    return DeviceError(
        name=code.name,
        number=code.number,
        meaning=meaning,
        sticky=code.sticky,
        during_capture=during_capture,
        graph_node=fault.node,
        kernel=fault.kernel,
        argument=fault.argument,
        address=fault.address,
        allocation_site=site_of(fault.allocation_stack),
        free_site=site_of(fault.free_stack),
        launch_site=site_of(fault.launch_stack),
    )
