"""Another kernel above a length that only the host knows; the graph key does not hold it."""

import torch

BEFORE = 64
AFTER = 256


class Target:
    name = "frozen branch"

    def setup(self, device: torch.device) -> None:
        self.x = torch.zeros(8, 8, device=device)

    def calls(self) -> list[dict[str, int]]:
        return [{"context": BEFORE}, {"context": AFTER}, {"context": BEFORE}]

    def key(self, call: dict[str, int]) -> str:
        return "one graph"

    def prepare(self, call: dict[str, int]) -> None:
        self.x.fill_(float(call["context"]))

    def forward(self, call: dict[str, int]) -> torch.Tensor:
        if call["context"] <= BEFORE:  # decided once, at the capture
            return self.x * 2
        return (self.x + 1).square()


target = Target
