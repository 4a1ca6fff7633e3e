"""What the programs share: a small static input, filled in place, and three calls of one key that differ."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

Call = Mapping[str, Any]


class Doubling:
    """y = 2 x. Right as it stands; the pairs below change one thing."""

    def __init__(self) -> None:
        self.name = type(self).__name__

    def setup(self, device: torch.device) -> None:
        self.device = device
        self.module = torch.get_device_module(device)
        self.x = torch.zeros(4, 8, device=device)

    def calls(self) -> Sequence[Call]:
        return [{"request": number, "value": value} for number, value in enumerate((1.0, 2.0, 3.0))]

    def key(self, call: Call) -> Hashable:
        return "doubling"

    def prepare(self, call: Call) -> None:
        self.x.fill_(call["value"])

    def forward(self, call: Call) -> Tensor:
        return self.x * 2

    @property
    def capturing(self) -> bool:
        """Whether `forward` runs inside a capture."""
        return bool(self.module.is_current_stream_capturing())
