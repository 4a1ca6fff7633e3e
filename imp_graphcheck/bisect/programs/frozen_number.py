"""A number that the host knows goes into a launch by value; the graph key does not hold it."""

import torch

BEFORE = 0
AFTER = 192


class Target:
    name = "frozen number"

    def setup(self, device: torch.device) -> None:
        self.rows = torch.arange(8, device=device)

    def calls(self) -> list[dict[str, int]]:
        return [{"offset": BEFORE}, {"offset": AFTER}, {"offset": BEFORE + AFTER + 1}]

    def key(self, call: dict[str, int]) -> str:
        return "one graph"

    def prepare(self, call: dict[str, int]) -> None:
        """Nothing: the offset is not on the device."""

    def forward(self, call: dict[str, int]) -> torch.Tensor:
        return self.rows + call["offset"]  # frozen at the capture


target = Target
