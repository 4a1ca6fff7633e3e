"""Graphs that are right and save nothing (GC603). Only the timings of a real card say so."""

import torch
from torch import Tensor

from imp_graphcheck.faults.programs.base import Call, Doubling

ROWS, STEPS = 64, 6


class PaddedFar(Doubling):
    """Eager works on the rows of the call, the graph on a bucket that is thousands of times as large."""

    bucket = 4096 * ROWS

    def setup(self, device: torch.device) -> None:
        super().setup(device)
        self.rows = torch.ones(self.bucket, 128, device=device)

    def prepare(self, call: Call) -> None:
        self.rows[:ROWS].fill_(call["value"])

    def forward(self, call: Call) -> Tensor:
        rows = self.rows[: self.bucket if self.capturing else ROWS]
        for _ in range(STEPS):
            rows = rows * 1.01
        return rows[:ROWS]


class FittingBucket(PaddedFar):
    """The same many small kernels, in a bucket that fits."""

    bucket = ROWS
