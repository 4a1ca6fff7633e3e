"""What the tool needs from a GPU. Nothing above this folder says which one it is."""

from collections.abc import Callable, Collection, Container, Hashable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from imp_graphcheck.device.op_trace import Launch
from imp_graphcheck.device.place import Place
from imp_graphcheck.device.traced_call import CallRecording
from imp_graphcheck.record.graph import GraphTrace
from imp_graphcheck.record.memory import Allocation
from imp_graphcheck.record.site import Site


class GraphUnreadableError(RuntimeError):
    """The nodes of a graph cannot be had: it was not kept, holds no capture, or the driver refused.

    The message is one sentence for the reader. Nothing is wrong with the program under test because of it.
    """


class StepRefusedError(RuntimeError):
    """A graph cannot be replayed node by node. The message is one sentence that says which node is in the way.

    Nothing is wrong with the program under test because of it.
    """


class StepError(RuntimeError):
    """The device did not complete a node that was launched alone. Its cause is what the device said."""

    def __init__(self, node: int, kernel: str, error: BaseException) -> None:
        first_line = next(iter(str(error).splitlines()), "") or type(error).__name__
        super().__init__(f"node {node} {kernel}: {first_line}")
        self.node = node
        self.kernel = kernel


def _nothing(_: int) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceError:
    """An exception, read as what it says of the device.

    `name` and `number` are the runtime's own (`cudaErrorIllegalAddress`, 700); `meaning` says in one sentence
    what that means during a capture or a replay. A `sticky` error ends the context: no later call can succeed.
    The fields below `sticky` are filled where the device can name the culprit, as the software GPU always can.
    """

    name: str
    number: int
    meaning: str
    sticky: bool
    during_capture: bool
    graph_node: int | None = None
    kernel: str | None = None
    argument: str | None = None
    address: int | None = None
    allocation_site: Site | None = None
    free_site: Site | None = None
    launch_site: Site | None = None


class Device(Protocol):
    """One accelerator, seen through torch.

    `module` is torch's own module of the device type (`torch.cuda` or the like): graphs, streams and events
    are made through it, by the program under test and by the tool alike.
    """

    @property
    def kind(self) -> str:
        """The torch device type, which is also the word the user types."""
        ...

    @property
    def torch_device(self) -> torch.device: ...

    @property
    def module(self) -> Any: ...

    @property
    def timing_caveat(self) -> str:
        """What must be said beside every timing, after a semicolon; empty where timings mean what they say."""
        ...

    def describe(self) -> dict[str, str]:
        """What a reader needs to know of the machine: card, driver, runtime, memory, versions."""
        ...

    def synchronize(self) -> None:
        """Wait for everything that was launched. Raises whatever the device reports."""
        ...

    def reserved_bytes(self) -> int:
        """Device memory held by the caching allocator, in use or not."""
        ...

    def recording(self) -> AbstractContextManager[None]:
        """While active, allocations and frees are remembered with the source lines that made them.

        What was allocated before has no site; what is asked below needs an active recording.
        """
        ...

    def trace_calls(self) -> AbstractContextManager[CallRecording]:
        """While active, calls of the runtime and the driver are recorded: those of `imp_graphcheck.apis`, what begins and
        ends captures, and launches of graphs; of every thread, refused ones included. One at a time.
        """
        ...

    def stream_number(self) -> int:
        """The current stream of this thread, as `TracedCall.stream` counts them."""
        ...

    def keep_up(self) -> None:
        """Take over what is remembered so far. Called now and then, since a device may remember the newest events only.

        Never called while a stream captures.
        """
        ...

    def capture_position(self) -> int:
        """How far the capture of the current stream has come: a number that never falls. Allowed while it captures.

        `read_graph` knows which nodes lie between two of them.
        """
        ...

    def observe(self, values: Iterable[object], *, created: bool = False) -> None:
        """Told of the arguments of every operator of an observed capture, or (`created`) of its results.

        A device whose host allocator keeps no books watches the pinned tensors among them.
        """
        ...

    def read_graph(
        self, graph: Any, *, key: Hashable, capture_seconds: float, launches: Sequence[Launch] = ()
    ) -> GraphTrace:
        """The nodes of a captured graph with their parameters, and the allocations that their pointers lie in.

        `launches` are the operators that were called during the capture, for the `op` and launching line of each node.
        Never called while a stream captures. Launches nothing. Raises GraphUnreadableError.
        """
        ...

    def step(
        self,
        graph: Any,
        on_node: Callable[[int], None] = _nothing,
        *,
        before: Callable[[int], None] = _nothing,
    ) -> None:
        """Replay a captured graph on the current stream, one node at a time, in launch order, waiting after each.

        `before` is told the index of a node, as `read_graph` counts them, right before it is launched, since the
        launch may be the end of the process; `on_node` when it is complete. A node without work of its own (an
        event, a child graph, whose nodes follow) is announced and launches nothing. What torch does around a
        replay, which is to set the counters of random generators, is not done.

        Never called while a stream captures. Raises StepError at a node that the device does not complete, and
        StepRefusedError where a node cannot be launched alone, if possible before the first one was.
        """
        ...

    def nodes_of(self, graph: Any, launches: Sequence[Launch]) -> list[range]:
        """The nodes that each operator of a capture made, as `read_graph` counts them, which was called before.

        The range of one that made none is empty, and begins where its nodes would have been.
        """
        ...

    def tensor_at(self, place: Place) -> torch.Tensor:
        """A tensor over device memory that somebody else owns, and that stays mapped as long as it is used."""
        ...

    def apart(self) -> AbstractContextManager[None]:
        """While active, what is allocated takes no block out of the program's memory pools."""
        ...

    def allocations(self, generations: Collection[int]) -> dict[int, Allocation]:
        """What has become of these allocations, device or pinned host memory; unknown ones are left out."""
        ...

    def live_in_pool(self, graph: Any) -> dict[int, Allocation]:
        """What is allocated now in the private pool of `graph`: tensors from inside the capture that outlived it."""
        ...

    def contents(self, address: int, size_bytes: int) -> bytes | None:
        """A copy of the device memory there; None unless all of it lies in one live allocation, as far as `owners_of`
        was told last.

        The device has nothing left to do. Never called while a stream captures. Launches and allocates nothing.
        """
        ...

    def owners_of(self, addresses: Collection[int], *, captured: Any | None = None) -> dict[int, int]:
        """The allocation of device memory that has each address now; with `captured`, a graph that was read, the one
        that had it when that capture ended. Addresses that nobody has are left out.
        """
        ...

    def host_addresses(self) -> Container[int]:
        """The addresses of the process's own memory, as it is now, which kernels of this device do not follow."""
        ...

    def owns(self, graph: Any, tensor: torch.Tensor) -> bool:
        """Whether the memory of `tensor` belongs to the private pool of `graph`."""
        ...

    def host_copy(self, tensor: torch.Tensor) -> torch.Tensor:
        """A copy of `tensor` on the host, from where it can be set back fast. Waits for the device."""
        ...

    def holds(self, tensor: torch.Tensor, copy: torch.Tensor) -> bool:
        """Whether `tensor` still holds the bytes of `copy`, which `host_copy` made of it.

        Takes nothing out of the program's memory pools.
        """
        ...

    def poison(self, tensor: torch.Tensor) -> None:
        """Set every byte that `tensor` covers to 0xFF (NaN as a float, -1 as an integer), in stream order."""
        ...

    def explain(self, error: BaseException) -> DeviceError | None:
        """What `error`, or the error it hides in its context, says of the device; None for any other error."""
        ...
