"""What shows only when the host is ahead of the device."""

import torch

from imp_graphcheck.faults.programs.base import Call, Doubling


class OneStagingBuffer(Doubling):
    """Each call is staged in one pinned buffer, and nobody waits for the copy from it."""

    guarded = False

    def setup(self, device: torch.device) -> None:
        super().setup(device)
        self.host = torch.zeros(4, 8).pin_memory()
        self.copied = torch.Event(device)

    def prepare(self, call: Call) -> None:
        if self.guarded:
            self.copied.synchronize()
        self.host.fill_(call["value"])
        self.x.copy_(self.host, non_blocking=True)  # MARK upload
        if self.guarded:
            self.copied.record()


class GuardedStagingBuffer(OneStagingBuffer):
    """The same, with an event between the copy and the next use of the buffer."""

    guarded = True
