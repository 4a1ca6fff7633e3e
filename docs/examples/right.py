"""A small program whose graph is right: lengths live on the device, inputs are refreshed in place.

imp-graphcheck capture docs/examples/right.py:target
"""

import torch


class RunningMean:
    """The mean of the first `length` rows, for a `length` that changes from call to call."""

    name = "running mean, length on the device"

    def setup(self, device):
        self.rows = torch.arange(64.0, device=device).reshape(16, 4)
        self.number = torch.arange(16, device=device)
        self.length = torch.zeros((), dtype=torch.int64, device=device)  # static input, filled in place

    def calls(self):
        return [{"length": length} for length in (3, 16, 7)]

    def key(self, call):
        return "mean"  # one graph serves every length

    def prepare(self, call):
        self.length.fill_(call["length"])

    def forward(self, call):
        visible = (self.number < self.length).unsqueeze(1)
        return torch.where(visible, self.rows, 0.0).sum(0, keepdim=True) / self.length


def target():
    return RunningMean()
