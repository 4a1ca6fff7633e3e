"""Values frozen at capture (GC301 to GC306)."""

from collections.abc import Hashable

import torch
from torch import Tensor

from imp_graphcheck.faults.programs.base import Call, Doubling


class FrozenScalar(Doubling):
    """A Python number goes into a kernel by value."""

    def prepare(self, call: Call) -> None:
        self.x.fill_(1.0)
        self.factor = call["value"]

    def forward(self, call: Call) -> Tensor:
        return torch.mul(self.x, self.factor)  # MARK scalar


class DeviceScalar(FrozenScalar):
    """The same number in a device tensor that prepare fills."""

    def setup(self, device: torch.device) -> None:
        super().setup(device)
        self.on_device = torch.zeros((), device=device)

    def prepare(self, call: Call) -> None:
        super().prepare(call)
        self.on_device.fill_(call["value"])

    def forward(self, call: Call) -> Tensor:
        return self.x * self.on_device


class FrozenBias(FrozenScalar):
    """A Python number between two kernels that have none: the answer is wrong, and so is all that follows the bias."""

    def forward(self, call: Call) -> Tensor:
        halved = self.x / 2
        moved: Tensor = halved + self.factor  # MARK bias
        return moved.tanh()


class DeviceBias(DeviceScalar):
    """The same number in a device tensor that prepare fills."""

    def forward(self, call: Call) -> Tensor:
        return (self.x / 2 + self.on_device).tanh()


class FrozenGeometry(Doubling):
    """The number of rows is sliced on the host, and the grid follows it."""

    def setup(self, device: torch.device) -> None:
        super().setup(device)
        self.rows = torch.ones(3 * 4096, 8, device=device)
        self.number = torch.arange(3 * 4096, device=device)
        self.length = torch.zeros((), dtype=torch.int64, device=device)

    def prepare(self, call: Call) -> None:
        self.count = int(call["value"]) * 4096
        self.length.fill_(self.count)

    def forward(self, call: Call) -> Tensor:
        return (self.rows[: self.count] * 2).sum(0)  # MARK geometry


class MaskedGeometry(FrozenGeometry):
    """The same sum over all rows, masked on the device."""

    def forward(self, call: Call) -> Tensor:
        return torch.where((self.number < self.length).unsqueeze(1), self.rows * 2, 0.0).sum(0)


class FrozenBranch(Doubling):
    """A branch in Python chooses the kernels."""

    def prepare(self, call: Call) -> None:
        self.long = call["value"] > 2
        self.x.fill_(call["value"])

    def forward(self, call: Call) -> Tensor:
        if self.long:
            return self.x.exp()
        return self.x * 2  # MARK branch


class KeyedBranch(FrozenBranch):
    """The same branch, with what decides it in the key."""

    def calls(self) -> list[Call]:
        return [{"request": number, "value": value} for number, value in enumerate((1.0, 2.0, 3.0, 4.0))]

    def key(self, call: Call) -> Hashable:
        return ("branch", call["value"] > 2)


class FrozenPointer(Doubling):
    """Each request has a buffer of its own, chosen on the host."""

    def setup(self, device: torch.device) -> None:
        super().setup(device)
        self.states = [torch.full((8,), float(request), device=device) for request in range(3)]

    def forward(self, call: Call) -> Tensor:
        return self.x * self.states[call["request"]]  # MARK pointer


class GatheredState(FrozenPointer):
    """The same states in one tensor, indexed by a number on the device."""

    def setup(self, device: torch.device) -> None:
        super().setup(device)
        self.all = torch.stack(self.states)
        self.slot = torch.zeros(1, dtype=torch.int64, device=device)

    def prepare(self, call: Call) -> None:
        super().prepare(call)
        self.slot.fill_(call["request"])

    def forward(self, call: Call) -> Tensor:
        return self.x * self.all.index_select(0, self.slot)


class FrozenCopy(Doubling):
    """The size of a copy inside the region depends on the call."""

    def setup(self, device: torch.device) -> None:
        super().setup(device)
        self.source = torch.arange(32.0, device=device)
        self.target = torch.zeros(32, device=device)

    def prepare(self, call: Call) -> None:
        self.target.zero_()
        self.size = 8 * int(call["value"])

    def forward(self, call: Call) -> Tensor:
        self.target[: self.size].copy_(self.source[: self.size])  # MARK copy
        return self.target * 2


class WholeCopy(FrozenCopy):
    """The same with the copy at full size and the rest masked."""

    def setup(self, device: torch.device) -> None:
        super().setup(device)
        self.number = torch.arange(32, device=device)
        self.length = torch.zeros((), dtype=torch.int64, device=device)

    def prepare(self, call: Call) -> None:
        super().prepare(call)
        self.length.fill_(self.size)

    def forward(self, call: Call) -> Tensor:
        self.target.copy_(self.source)
        return torch.where(self.number < self.length, self.target, 0.0) * 2
