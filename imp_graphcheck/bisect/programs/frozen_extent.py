"""How much is computed depends on a length that only the host knows; the graph key does not hold it."""

import torch

BEFORE = 64
AFTER = 256


class Target:
    name = "frozen extent"

    def setup(self, device: torch.device) -> None:
        self.x = torch.zeros(2 * (BEFORE + AFTER), 8, device=device)
        self.out = torch.zeros_like(self.x)

    def calls(self) -> list[dict[str, int]]:
        return [{"context": BEFORE}, {"context": AFTER}, {"context": BEFORE + AFTER}]

    def key(self, call: dict[str, int]) -> str:
        return "one graph"

    def prepare(self, call: dict[str, int]) -> None:
        self.x.fill_(float(call["context"]))
        self.out.zero_()

    def forward(self, call: dict[str, int]) -> torch.Tensor:
        length = call["context"]  # frozen at the capture, as the size of a copy and of a launch
        self.out[:length].copy_(self.x[:length])
        self.out[:length].mul_(2)
        return self.out * 1


target = Target
