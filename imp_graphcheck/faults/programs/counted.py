"""What the host counts (GC407)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from imp_graphcheck.faults.programs.base import Call, Doubling


class CountsInForward(Doubling):
    """The step is counted in the region; what is prepared next depends on it."""

    in_forward = True

    def setup(self, device: torch.device) -> None:
        super().setup(device)
        self.step = 0

    def calls(self) -> Sequence[Call]:
        return [{"request": 0, "begins": number == 0, "value": float(number)} for number in range(4)]

    def prepare(self, call: Call) -> None:
        if call["begins"]:
            self.step = 0
        self.x.fill_(float(self.step))
        if not self.in_forward:
            self.step += 1

    def forward(self, call: Call) -> Tensor:
        if self.in_forward:
            self.step += 1
        return self.x * 2


class CountsInPrepare(CountsInForward):
    """The same, counted before the region."""

    in_forward = False
