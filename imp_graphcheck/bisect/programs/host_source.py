"""A captured copy from pinned memory that is given back before the replay."""

import torch

SIZE_BYTES = 512


class Target:
    name = "host source"

    def setup(self, device: torch.device) -> None:
        self.gpu = torch.get_device_module(device)
        self.x = torch.zeros(SIZE_BYTES, dtype=torch.uint8, device=device)
        self.host: torch.Tensor | None = None
        self.captured = False

    def calls(self) -> list[int]:
        return [1, 2, 3]

    def key(self, call: int) -> str:
        return "one graph"

    def prepare(self, call: int) -> None:
        self.host = torch.empty(SIZE_BYTES, dtype=torch.uint8, pin_memory=True).fill_(call)

    def forward(self, call: int) -> torch.Tensor:
        assert self.host is not None
        self.captured = self.captured or self.gpu.is_current_stream_capturing()
        self.x.copy_(self.host, non_blocking=True)  # a replay reads the host address again
        return self.x + 1

    def between(self, call: int) -> None:
        if self.captured:
            self.host = None


target = Target
