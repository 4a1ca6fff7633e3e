"""The same program with a mistake that captures well, replays well, and answers wrongly.

imp-graphcheck capture docs/examples/wrong.py:target
"""

import torch


class RunningMean:
    """The mean of the first `length` rows; `length` is a Python number, and a capture freezes it."""

    name = "running mean, length frozen"

    def setup(self, device):
        self.rows = torch.arange(64.0, device=device).reshape(16, 4)

    def calls(self):
        return [{"length": length} for length in (3, 16, 7)]

    def key(self, call):
        return "mean"  # forgets the length

    def prepare(self, call):
        pass

    def forward(self, call):
        return self.rows[: call["length"]].mean(0, keepdim=True)


def target():
    return RunningMean()
