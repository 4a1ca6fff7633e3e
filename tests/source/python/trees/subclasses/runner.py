# entry: Runner.step
"""An entry of a class is called on an object of exactly this class; what others hold may be of a class below."""

import torch


class Runner:
    def __init__(self, helper: "Helper"):
        self.helper = helper

    def step(self, x: torch.Tensor):
        self.wait(x)
        self.helper.read(x)
        return self.missing(x)

    def wait(self, x: torch.Tensor):
        return x.item()  #! d2h yes forbidden

    def missing(self, x: torch.Tensor):
        raise NotImplementedError


class OtherRunner(Runner):
    def wait(self, x: torch.Tensor):
        return x.cpu()  #! d2h no harmless

    def missing(self, x: torch.Tensor):
        return x.tolist()  #! d2h yes forbidden


class Helper:
    def read(self, x: torch.Tensor):
        return x.item()  #! d2h maybe forbidden


class DeeperHelper(Helper):
    def read(self, x: torch.Tensor):
        return x.cpu()  #! d2h maybe forbidden
