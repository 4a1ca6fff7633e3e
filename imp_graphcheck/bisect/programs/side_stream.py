"""Work on a stream that the capture does not know: it is done once, at the capture, and by no replay."""

import torch


class Target:
    name = "side stream"

    def setup(self, device: torch.device) -> None:
        self.gpu, self.side = torch.get_device_module(device), torch.Stream(device=device)
        self.x, self.copy = torch.zeros(8, device=device), torch.zeros(8, device=device)

    def calls(self) -> list[float]:
        return [1.0, 2.0, 3.0]

    def key(self, call: float) -> str:
        return "one graph"

    def prepare(self, call: float) -> None:
        self.x.fill_(call)

    def forward(self, call: float) -> torch.Tensor:
        capturing = self.gpu.is_current_stream_capturing()
        with self.gpu.stream(self.side if capturing else self.gpu.current_stream()):
            self.copy.copy_(self.x)  # not forked from the capture
        return self.copy * 2


target = Target
