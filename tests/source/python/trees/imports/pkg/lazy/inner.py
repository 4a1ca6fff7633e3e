import torch


class Found:
    def read(self, x: torch.Tensor):
        return x.item()  #! d2h yes forbidden
