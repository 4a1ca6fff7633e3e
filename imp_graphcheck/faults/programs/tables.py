"""Addresses that a graph reads from device memory (GC208)."""

import torch
from torch import Tensor

from imp_graphcheck.faults.programs.base import Call, Doubling

EXPERTS = 4


class DroppedExpert(Doubling):
    """A table with the addresses of some weights, as a grouped matmul takes them; one weight is dropped, the table stays."""

    keep = False

    def setup(self, device: torch.device) -> None:
        super().setup(device)
        self.experts: list[Tensor | None] = [
            torch.full((8,), float(number), device=device)  # MARK expert-allocated
            for number in range(EXPERTS)
        ]
        addresses = [expert.data_ptr() for expert in self.experts if expert is not None]
        self.table = torch.tensor(addresses, device=device)
        self.routed = torch.arange(EXPERTS, device=device)

    def forward(self, call: Call) -> Tensor:
        self.seen = self.capturing
        # Plain torch cannot follow an address: the product only reads it, as the kernel would first.
        chosen = self.table.index_select(0, self.routed)  # MARK table-read
        return self.x * 2 + chosen.ne(0).sum() * 0

    def between(self, call: Call) -> None:
        if self.seen and not self.keep:
            self.experts[1] = None  # MARK expert-freed


class KeptExperts(DroppedExpert):
    """The same, with all weights kept."""

    keep = True
