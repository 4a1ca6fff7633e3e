"""A bucket of rows, and calls that do not fill it."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from imp_graphcheck.faults.programs.base import Call, Doubling

BUCKET_ROWS = 8


class ScaledOverPadding(Doubling):
    """Every row is divided by the largest of the bucket, padding included."""

    masked = False

    def setup(self, device: torch.device) -> None:
        super().setup(device)
        self.x = torch.zeros(BUCKET_ROWS, 4, device=device)
        self.rows = torch.zeros(1, dtype=torch.int64, device=device)

    def calls(self) -> Sequence[Call]:
        return [{"request": number, "rows": rows} for number, rows in enumerate((8, 3, 5))]

    def prepare(self, call: Call) -> None:
        rows = call["rows"]
        self.x[:rows].copy_(torch.arange(1.0, rows * 4 + 1).view(rows, 4))
        self.x[rows:].zero_()
        self.rows.fill_(rows)

    def padding(self, call: Call) -> Mapping[str, Tensor]:
        """The rows of `x` behind those of the call."""
        return {"x": self.x[call["rows"] :]}

    def forward(self, call: Call) -> Tensor:
        real = torch.arange(BUCKET_ROWS, device=self.device).unsqueeze(1) < self.rows
        x = self.x.masked_fill(~real, 0.0) if self.masked else self.x
        return (x / x.abs().amax()).masked_fill(~real, 0.0)


class ScaledOverRows(ScaledOverPadding):
    """The same, with the padding masked out before the largest is taken."""

    masked = True
