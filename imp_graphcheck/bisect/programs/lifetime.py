"""Memory that a captured graph uses, and that is given back before the replay."""

import torch

SIZE_BYTES = 4096
UNMAPPED = False


class Target:
    name = "lifetime"

    def setup(self, device: torch.device) -> None:
        self.device, self.gpu = device, torch.get_device_module(device)
        self.x = torch.zeros(8, device=device)
        self.scratch: torch.Tensor | None = None
        self.captured = False

    def calls(self) -> list[float]:
        return [1.0, 2.0, 3.0]

    def key(self, call: float) -> str:
        return "one graph"

    def prepare(self, call: float) -> None:
        self.x.fill_(call)
        if self.scratch is None:
            self.scratch = torch.empty(SIZE_BYTES, dtype=torch.uint8, device=self.device)

    def forward(self, call: float) -> torch.Tensor:
        assert self.scratch is not None
        self.captured = self.captured or self.gpu.is_current_stream_capturing()
        place = self.scratch[:32].view(torch.float32)
        place.copy_(self.x)  # the graph notes this address
        return place * 2

    def between(self, call: float) -> None:
        if self.captured:
            self.scratch = None  # given back; the graph does not know
        if self.captured and UNMAPPED:
            self.gpu.empty_cache()  # and its pages are gone


target = Target
