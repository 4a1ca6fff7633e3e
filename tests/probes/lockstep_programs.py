"""Programs that go wrong at one operator, with something beside it that looks as bad and is not."""

from collections.abc import Hashable, Mapping

import torch


class Base:
    """Three calls of one graph."""

    def setup(self, device: torch.device) -> None:
        self.device = device
        self.x = torch.zeros(4, 8, device=device)

    def calls(self) -> list[float]:
        return [1.0, 2.0, 3.0]

    def key(self, call: float) -> Hashable:
        return "one graph"

    def prepare(self, call: float) -> None:
        self.x.fill_(call)
        self.call = call


class ChanceAside(Base):
    """Memory that nobody filled and the answer does not depend on, and a frozen number after it."""

    def forward(self, call: float) -> torch.Tensor:
        chance = torch.empty(64, device=self.device)
        chance[:8].copy_(self.x[0])
        kept = chance * 2
        return (self.x + kept[:8]) * self.call


class StoresAside(Base):
    """A call counter that is frozen too, written first and read by nobody."""

    def setup(self, device: torch.device) -> None:
        super().setup(device)
        self.log = torch.zeros(4, device=device)

    def forward(self, call: float) -> torch.Tensor:
        self.log.fill_(self.call)
        return self.x.exp().clamp(max=self.call)


class WrongState(Base):
    """The answer is right and what is left behind is not."""

    def setup(self, device: torch.device) -> None:
        super().setup(device)
        self.cache = torch.zeros(4, 8, device=device)

    def state(self) -> Mapping[str, torch.Tensor]:
        return {"cache": self.cache}

    def forward(self, call: float) -> torch.Tensor:
        answer = self.x * 2
        self.cache.add_(self.call)
        return answer


class Outside(Base):
    """A buffer that is no part of the state changes with every call, and the answer does not show it."""

    frozen = 1.0

    def setup(self, device: torch.device) -> None:
        super().setup(device)
        self.page = torch.zeros(16, 8, device=device)

    def forward(self, call: float) -> torch.Tensor:
        self.page[0].add_(self.x[0])
        self.page[1:5].copy_(self.x)
        return self.page[1:5] * self.frozen


class OutsideFrozen(Outside):
    def prepare(self, call: float) -> None:
        super().prepare(call)
        self.frozen = call


class Raises(Base):
    """Will not run a call twice."""

    def setup(self, device: torch.device) -> None:
        super().setup(device)
        self.left = 100

    def forward(self, call: float) -> torch.Tensor:
        self.left -= 1
        if self.left < 0:
            raise ValueError("no more tickets")
        return self.x * self.call


class Divides(Base):
    """By zero, if a capture goes on."""

    def forward(self, call: float) -> torch.Tensor:
        return (self.x + 1.0) / (0.0 if self.capturing else call)

    @property
    def capturing(self) -> bool:
        return bool(torch.get_device_module(self.device).is_current_stream_capturing())


class Fickle(Base):
    """Takes turns."""

    turn = 0

    def forward(self, call: float) -> torch.Tensor:
        self.turn += 1
        return self.x * 2 if self.turn % 2 else self.x + self.x
