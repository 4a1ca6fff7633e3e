"""What the capture itself does (GC101 to GC109)."""

import torch
from torch import Tensor

from imp_graphcheck.faults.programs.base import Call, Doubling


class ReadsBack(Doubling):
    """The host looks at a device value inside the region."""

    def forward(self, call: Call) -> Tensor:
        return self.x * self.x.sum().item()  # MARK item


class StaysOnDevice(Doubling):
    """The same product without the host."""

    def forward(self, call: Call) -> Tensor:
        return self.x * self.x.sum()


class FirstUseInCapture(Doubling):
    """A library is first used inside the capture."""

    def setup(self, device: torch.device) -> None:
        super().setup(device)
        self.used_before = False

    def forward(self, call: Call) -> Tensor:
        if self.capturing or self.used_before:
            return self.x @ self.x.t()  # MARK library
        return (self.x.unsqueeze(1) * self.x.unsqueeze(0)).sum(-1)


class Prewarmed(FirstUseInCapture):
    """The same, with one use before."""

    def prewarm(self) -> None:
        self.x @ self.x.t()
        self.used_before = True


class UploadsInCapture(Doubling):
    """A host value is uploaded from pageable memory inside the region."""

    def forward(self, call: Call) -> Tensor:
        return self.x * torch.tensor([2.0], device=self.device)  # MARK upload


class UploadedBefore(Doubling):
    """The same value, uploaded once."""

    def setup(self, device: torch.device) -> None:
        super().setup(device)
        self.two = torch.tensor([2.0], device=device)

    def forward(self, call: Call) -> Tensor:
        return self.x * self.two


class UnjoinedFork(Doubling):
    """A side stream is forked into the capture and never joined back."""

    join = False

    def setup(self, device: torch.device) -> None:
        super().setup(device)
        self.side = self.module.Stream(device=device)

    def forward(self, call: Call) -> Tensor:
        main = self.module.current_stream()
        self.side.wait_stream(main)
        with self.module.stream(self.side):
            y = self.x * 2
        if self.join or not self.capturing:
            main.wait_stream(self.side)
        return y


class JoinedFork(UnjoinedFork):
    """The same, joined."""

    join = True


class OwnGenerator(Doubling):
    """A generator of the program's own, which the graph does not know."""

    def setup(self, device: torch.device) -> None:
        super().setup(device)
        self.generator = torch.Generator(device=device)

    def prepare(self, call: Call) -> None:
        super().prepare(call)
        self.generator.manual_seed(1)

    def forward(self, call: Call) -> Tensor:
        return self.x * torch.rand(8, device=self.device, generator=self.generator)  # MARK generator


class DrawnBefore(OwnGenerator):
    """The same numbers, drawn before the region into a static buffer."""

    def setup(self, device: torch.device) -> None:
        super().setup(device)
        self.noise = torch.zeros(8, device=device)

    def prepare(self, call: Call) -> None:
        super().prepare(call)
        self.noise.uniform_(generator=self.generator)

    def forward(self, call: Call) -> Tensor:
        return self.x * self.noise


class RaisesInCapture(Doubling):
    """Something else goes wrong inside the capture."""

    def forward(self, call: Call) -> Tensor:
        if self.capturing:
            raise ValueError("no room for this shape")  # MARK raise
        return self.x * 2


class EscapingStream(Doubling):
    """Work on a stream that was never forked runs once, at capture, and never again."""

    fork = False

    def setup(self, device: torch.device) -> None:
        super().setup(device)
        self.side = self.module.Stream(device=device)
        self.copy = torch.zeros(4, 8, device=device)

    def forward(self, call: Call) -> Tensor:
        main = self.module.current_stream()
        if self.fork or not self.capturing:
            self.side.wait_stream(main)
        with self.module.stream(self.side):
            self.copy.copy_(self.x)  # MARK escape
        if self.fork or not self.capturing:
            main.wait_stream(self.side)
        return self.copy * 2


class ForkedStream(EscapingStream):
    """The same, forked and joined."""

    fork = True


class StateAtCapture(EscapingStream):
    """The escaped work writes a persistent tensor, at capture time."""

    def state(self) -> dict[str, Tensor]:
        return {"copy": self.copy}


class StateInGraph(StateAtCapture):
    """The same, forked and joined."""

    fork = True
