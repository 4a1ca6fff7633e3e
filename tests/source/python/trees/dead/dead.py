# entry: live
"""Code that no entry leads to is said to be so."""

import torch


def live(x: torch.Tensor):
    return helper(x)


def helper(x: torch.Tensor):
    return x + 1


def dead(x):
    torch.cuda.synchronize()  #! sync no harmless
    return x.item()  #! d2h no harmless


class Dead:
    def run(self, x):
        return x.cpu()  #! d2h no harmless

    def live(self, x):
        return x.tolist()  #! d2h yes forbidden
