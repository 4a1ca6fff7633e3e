"""Addresses that die or move (GC201 to GC206)."""

from collections.abc import Iterator

import torch
from torch import Tensor

from imp_graphcheck.faults.programs.base import Call, Doubling

COUNT = 1 << 12


class FreedInput(Doubling):
    """A table that only the first calls keep; the graph goes on reading its block."""

    keep = False

    def setup(self, device: torch.device) -> None:
        super().setup(device)
        self.table: Tensor | None = torch.ones(8, device=device)  # MARK freed-allocated
        self.spare = torch.ones(8, device=device)

    def forward(self, call: Call) -> Tensor:
        self.seen = self.capturing
        return self.x * (self.table if self.table is not None else self.spare)  # MARK freed-launched

    def between(self, call: Call) -> None:
        if self.seen and not self.keep:
            self.table = None  # MARK freed-freed


class KeptInput(FreedInput):
    """The same, with the reference kept."""

    keep = True


class GrownWorkspace(Doubling):
    """Scratch that grows on demand: a larger call in between replaces the block that the graph points at."""

    reserve = 8

    def setup(self, device: torch.device) -> None:
        super().setup(device)
        self.workspace = torch.zeros(self.reserve, device=device)

    def scratch(self, count: int) -> Tensor:
        if self.workspace.numel() < count:
            self.workspace = torch.zeros(count, device=self.device)  # MARK grown-freed
        return self.workspace[:count]

    def forward(self, call: Call) -> Tensor:
        self.seen = self.capturing
        return self.scratch(8).copy_(self.x[0]).mul(2)

    def between(self, call: Call) -> None:
        if self.seen:
            self.scratch(COUNT)


class ReservedWorkspace(GrownWorkspace):
    """The same, with the largest size reserved at the start."""

    reserve = COUNT


class UnmappedInput(FreedInput):
    """A large table goes back to the driver while the graph reads it."""

    def setup(self, device: torch.device) -> None:
        super().setup(device)
        self.table = torch.ones(8 << 20, device=device)  # MARK unmapped-allocated

    def forward(self, call: Call) -> Tensor:
        self.seen = self.capturing
        return self.x * (self.table[:8] if self.table is not None else self.spare)

    def between(self, call: Call) -> None:
        if self.seen and not self.keep:
            self.table = None  # MARK unmapped-freed
            self.module.empty_cache()


class MappedInput(UnmappedInput):
    """The same, with the reference kept."""

    keep = True


class ReplacedWeight(Doubling):
    """A weight reload that puts a new tensor in place of the captured one, which somebody else keeps alive."""

    in_place = False

    def setup(self, device: torch.device) -> None:
        super().setup(device)
        self.weight = torch.ones(8, device=device)  # MARK replaced-allocated
        _archive.append(iter([self.weight]))

    def forward(self, call: Call) -> Tensor:
        self.seen = self.capturing
        return self.x * self.weight

    def between(self, call: Call) -> None:
        if not self.seen:
            return
        new = torch.full((8,), 1.0, device=self.device)
        if self.in_place:
            self.weight.copy_(new)
        else:
            self.weight = new


class RefilledWeight(ReplacedWeight):
    """The same reload, in place."""

    in_place = True


_archive: list[Iterator[Tensor]] = []
"""Keeps tensors alive where nobody finds them by name."""


class ScratchFromCapture(Doubling):
    """A buffer that outlives the replay is allocated inside the capture, on the place of a transient."""

    early = False

    def setup(self, device: torch.device) -> None:
        super().setup(device)
        self.count = torch.full((8,), 5.0, device=device)
        self.buffers: dict[str, Tensor] = {}
        if self.early:
            self.buffers["graph"] = torch.empty(4, 8, device=device)

    def forward(self, call: Call) -> Tensor:
        transient = self.x * 3
        total = transient.sum(0)
        del transient
        if self.capturing and "graph" not in self.buffers:
            self.buffers["graph"] = torch.empty(4, 8, device=self.device)  # MARK scratch-allocated
        return total


class ScratchFromSetup(ScratchFromCapture):
    """The same buffer, allocated before."""

    early = True


class RecycledPinnedSource(Doubling):
    """A captured upload from a pinned buffer that is dropped afterwards: a replay copies what lies there then."""

    keep = False

    def setup(self, device: torch.device) -> None:
        super().setup(device)
        self.host: Tensor | None = None

    def forward(self, call: Call) -> Tensor:
        if self.host is None:
            self.host = torch.ones(8).pin_memory()  # MARK pinned-allocated
        self.seen = self.capturing
        return self.x * self.host.to(self.device, non_blocking=True)

    def between(self, call: Call) -> None:
        if self.seen and not self.keep:
            self.host = None


class KeptPinnedSource(RecycledPinnedSource):
    """The same, with the buffer kept."""

    keep = True
