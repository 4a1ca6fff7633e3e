import torch


def late(x: torch.Tensor):
    return x.bool().any().item()  #! d2h yes forbidden
