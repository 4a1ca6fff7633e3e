# entry: Runner.step
"""Copies between the host and the device, and the memory on the host's side."""

import numpy as np
import torch


class Runner:
    def __init__(self, device: torch.device):
        self.device = device
        self.pinned = torch.zeros(8, pin_memory=True)
        self.pageable = torch.zeros(8)
        self.static = torch.zeros(8, device=device)

    def step(self, rows: list[int], source: torch.Tensor, given: np.ndarray):
        a = torch.from_numpy(given).to(self.device)  #! h2d yes forbidden pageable
        b = torch.tensor(rows).cuda()  #! h2d yes forbidden pageable
        c = torch.tensor(rows, device=self.device)  #! h2d yes forbidden pageable
        d = torch.tensor(rows).pin_memory()  #! alloc yes capture only
        e = d.to(self.device, non_blocking=True)  #! h2d yes rereads host pinned
        f = d.to(self.device)  #! h2d yes forbidden pinned
        self.static.copy_(self.pinned, non_blocking=True)  #! h2d yes rereads host pinned
        self.static.copy_(self.pageable)  #! h2d yes forbidden pageable
        self.pinned.copy_(self.static, non_blocking=True)  #! d2h yes rereads host pinned
        self.pageable.copy_(self.static)  #! d2h yes forbidden pageable
        self.static.copy_(a)
        g = source.to(torch.float16)
        h = source.to(a.device)
        i = self.static.to(self.device)
        j = source.to(dtype=torch.float32, non_blocking=True)
        k = source.new_tensor([1, 2])  #! h2d yes forbidden pageable
        m = torch.empty(4, device=self.device)
        n = torch.full((4,), 1.0, device=self.device)
        return b, c, e, f, g, h, i, j, k, m, n
