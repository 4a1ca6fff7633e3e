import torch


def same_name(x: torch.Tensor):
    return x.cpu()  #! d2h no harmless


class Helper:
    def read(self, x: torch.Tensor):
        return x.tolist()  #! d2h yes forbidden
