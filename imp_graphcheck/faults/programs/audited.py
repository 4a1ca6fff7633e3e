"""Calls that a captured region should not make, one kind each (audit-syncs): every class of them, and the twin without."""

import threading
from collections.abc import Callable

import torch
from torch import Tensor

from imp_graphcheck.faults.programs.base import Call, Doubling

ROOM_BYTES = 32 << 20
"""What no allocator has left over from before."""


class UploadsNumber(Doubling):
    """A number goes up from pageable memory, at every step another one."""

    def forward(self, call: Call) -> Tensor:
        return self.x * torch.tensor([call["value"]], device=self.device)  # MARK number


class UploadsAside(Doubling):
    """The same from a host tensor, without waiting for it: pageable memory all the same."""

    def forward(self, call: Call) -> Tensor:
        factor = torch.full((1,), call["value"])
        return self.x * factor.to(self.device, non_blocking=True)  # MARK aside


class NumberBefore(Doubling):
    """The number goes up before the region, into a static buffer."""

    def setup(self, device: torch.device) -> None:
        super().setup(device)
        self.number = torch.zeros(1, device=device)

    def prepare(self, call: Call) -> None:
        super().prepare(call)
        self.number.fill_(call["value"])

    def forward(self, call: Call) -> Tensor:
        return self.x * self.number


class StagesInRegion(NumberBefore):
    """The region copies from pinned memory that every step fills anew."""

    def setup(self, device: torch.device) -> None:
        super().setup(device)
        self.staged = torch.zeros(1).pin_memory()

    def prepare(self, call: Call) -> None:
        Doubling.prepare(self, call)
        self.staged.fill_(call["value"])

    def forward(self, call: Call) -> Tensor:
        self.number.copy_(self.staged, non_blocking=True)  # MARK staged
        return self.x * self.number


class UploadsConstant(NumberBefore):
    """The region copies a constant from pinned memory: a waste, and right at every replay."""

    def setup(self, device: torch.device) -> None:
        super().setup(device)
        self.constant = torch.full((1,), 2.0).pin_memory()

    def prepare(self, call: Call) -> None:
        Doubling.prepare(self, call)

    def forward(self, call: Call) -> Tensor:
        self.number.copy_(self.constant, non_blocking=True)  # MARK constant
        return self.x * self.number


class ReadsItem(Doubling):
    """The host reads one number."""

    def forward(self, call: Call) -> Tensor:
        return self.x * self.x.sum().item()  # MARK item


class ReadsTensor(Doubling):
    """The host reads a whole tensor."""

    def forward(self, call: Call) -> Tensor:
        host = self.x.cpu()  # MARK cpu
        return self.x * (1.0 if host.shape == self.x.shape else 2.0)


class ReadsList(Doubling):
    """The host reads a list."""

    def forward(self, call: Call) -> Tensor:
        rows = self.x.tolist()  # MARK list
        return self.x * len(rows)


class BranchesOnTensor(Doubling):
    """The host asks a tensor for its truth."""

    def forward(self, call: Call) -> Tensor:
        if self.x.sum() > 0:  # MARK truth
            return self.x * 2
        return self.x * 3


class SelectsByMask(Doubling):
    """How many elements a mask takes, the host must know."""

    def forward(self, call: Call) -> Tensor:
        return self.x[self.x > 0].sum() * self.x  # MARK mask


class ListsNonzero(Doubling):
    """And how many there are that are not zero."""

    def forward(self, call: Call) -> Tensor:
        return torch.nonzero(self.x).sum() * self.x  # MARK nonzero


class StaysOnDevice(Doubling):
    """All of the above, without the host."""

    def forward(self, call: Call) -> Tensor:
        return torch.where(self.x > 0, self.x, torch.zeros_like(self.x)).sum() * self.x


class WaitsForStream(Doubling):
    """The host waits for the stream that is captured."""

    def forward(self, call: Call) -> Tensor:
        y = self.x * 2
        self.module.current_stream().synchronize()  # MARK stream
        return y


class WaitsForEvent(Doubling):
    """The host waits for an event of the region."""

    def forward(self, call: Call) -> Tensor:
        y = self.x * 2
        done = self.module.Event()
        done.record()
        done.synchronize()  # MARK event
        return y


class WaitsForDevice(Doubling):
    """The host waits for everything."""

    def forward(self, call: Call) -> Tensor:
        y = self.x * 2
        self.module.synchronize()  # MARK device
        return y


class AsksStream(Doubling):
    """The host asks how far the captured stream is."""

    def forward(self, call: Call) -> Tensor:
        self.module.current_stream().query()  # MARK asked-stream
        return self.x * 2


class AsksEvent(Doubling):
    """The host asks for an event from before the region."""

    def setup(self, device: torch.device) -> None:
        super().setup(device)
        self.before = self.module.Event()

    def prepare(self, call: Call) -> None:
        super().prepare(call)
        self.before.record()

    def forward(self, call: Call) -> Tensor:
        self.before.query()  # MARK asked-event
        return self.x * 2


class WaitsOutside(AsksEvent):
    """All waiting and asking is done between two steps."""

    def forward(self, call: Call) -> Tensor:
        return self.x * 2

    def between(self, call: Call) -> None:
        self.before.query()
        self.before.synchronize()
        self.module.current_stream().synchronize()
        self.module.synchronize()


class Watchdog(AsksEvent):
    """A thread of its own asks for events while the region runs, as watchdogs of collectives do."""

    thread_name = "watchdog"

    def forward(self, call: Call) -> Tensor:
        beside(self.thread_name, self.look)
        return self.x * 2

    def look(self) -> None:
        self.before.query()  # MARK watched


class LoadsBeside(Watchdog):
    """A thread of its own allocates device memory meanwhile, as loaders do."""

    thread_name = "loader"

    def setup(self, device: torch.device) -> None:
        super().setup(device)
        self.batches: list[Tensor] = []

    def look(self) -> None:
        self.batches.append(torch.empty(ROOM_BYTES, dtype=torch.uint8, device=self.device))  # MARK loaded


class RestsMeanwhile(LoadsBeside):
    """The thread works between two steps."""

    def forward(self, call: Call) -> Tensor:
        return self.x * 2

    def between(self, call: Call) -> None:
        beside(self.thread_name, self.look)


class PinsInRegion(Doubling):
    """Pinned memory is taken inside the region."""

    def setup(self, device: torch.device) -> None:
        super().setup(device)
        self.kept: list[Tensor] = []

    def forward(self, call: Call) -> Tensor:
        self.kept.append(torch.empty(ROOM_BYTES, dtype=torch.uint8, pin_memory=True))  # MARK pinned
        return self.x * 2


class PinsInSetup(PinsInRegion):
    """The same before any region."""

    def setup(self, device: torch.device) -> None:
        super().setup(device)
        self.kept.append(torch.empty(ROOM_BYTES, dtype=torch.uint8, pin_memory=True))

    def forward(self, call: Call) -> Tensor:
        return self.x * 2


class EmptiesCache(Doubling):
    """Every eager call gives memory back to the driver and takes it again; torch does neither while it captures."""

    def forward(self, call: Call) -> Tensor:
        scratch = torch.empty(ROOM_BYTES, dtype=torch.uint8, device=self.device)  # MARK taken
        del scratch
        self.module.empty_cache()  # MARK emptied
        return self.x * 2


class FirstUseInCapture(Doubling):
    """A library is first used inside a capture."""

    def setup(self, device: torch.device) -> None:
        super().setup(device)
        self.used_before = False

    def forward(self, call: Call) -> Tensor:
        if self.capturing or self.used_before:
            return self.x @ self.x.t()  # MARK handle
        return (self.x.unsqueeze(1) * self.x.unsqueeze(0)).sum(-1)


class UsedBefore(FirstUseInCapture):
    """The same, with one use before."""

    def prewarm(self) -> None:
        self.x @ self.x.t()
        self.used_before = True


class WarmByUse(Doubling):
    """The first use is in the region, and a warm-up comes before every capture."""

    def forward(self, call: Call) -> Tensor:
        return self.x @ self.x.t()  # MARK cold-handle


class Clears(Doubling):
    """Memory is set inside the region, which every replay does too."""

    def setup(self, device: torch.device) -> None:
        super().setup(device)
        self.sum = torch.zeros(8, device=device)

    def forward(self, call: Call) -> Tensor:
        self.sum.zero_()  # MARK cleared
        return self.sum.add_(self.x.sum(0))


class Overwrites(Clears):
    """The same, without anything to clear."""

    def forward(self, call: Call) -> Tensor:
        return torch.sum(self.x, 0, out=self.sum)


class CopiesOutside(Doubling):
    """A copy on a stream that nobody forked happens at the capture and never again."""

    fork = False

    def setup(self, device: torch.device) -> None:
        super().setup(device)
        self.side = self.module.Stream(device=device)
        self.copy = torch.zeros(4, 8, device=device)

    def forward(self, call: Call) -> Tensor:
        main = self.module.current_stream()
        if self.fork or not self.capturing:
            self.side.wait_stream(main)
        with self.module.stream(self.side):
            self.copy.copy_(self.x)  # MARK escaped
        if self.fork or not self.capturing:
            main.wait_stream(self.side)
        return self.copy * 2


class CopiesInFork(CopiesOutside):
    """The same, forked and joined."""

    fork = True


class WaitsForOutside(AsksEvent):
    """The captured stream waits for work from before the capture."""

    def forward(self, call: Call) -> Tensor:
        self.module.current_stream().wait_event(self.before)  # MARK outside
        return self.x * 2


class StopsAtFirst(Doubling):
    """Three calls that a capture refuses, of which it reaches the first; the second is left out while it captures."""

    def forward(self, call: Call) -> Tensor:
        if not self.capturing:
            self.module.synchronize()  # MARK guarded
        total = self.x.sum().item()  # MARK first
        self.module.current_stream().synchronize()  # MARK later
        return self.x * total


def beside(name: str, work: Callable[[], None]) -> None:
    """Do `work` in a thread called `name`, which lives with what the device refuses it."""

    def patiently() -> None:
        try:
            work()
        except RuntimeError as error:
            refused.append(error)

    refused: list[RuntimeError] = []
    thread = threading.Thread(target=patiently, name=name)
    thread.start()
    thread.join()
