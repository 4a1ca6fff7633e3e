# entry: Engine.decode
"""What the first call does, and who makes it before the capture."""

import torch


class Rope:
    def __init__(self):
        self.table = None
        self.extra = None

    def get(self):
        if self.table is None:
            self.table = torch.tensor([1.0], device="cuda")  #! h2d yes harmless
        return self.table

    def later(self):
        if self.extra is None:
            self.extra = torch.tensor([2.0], device="cuda")  #! h2d yes forbidden
        return self.extra


class Engine:
    def __init__(self, kind: int):
        self.rope = Rope()
        self.kind = kind
        self.workspace = None

    def reserve(self):
        if self.workspace is None:
            self.workspace = torch.tensor([0.0], device="cuda")  #! h2d yes forbidden
        return self.workspace

    def warmup(self):
        self.rope.get()
        if self.kind == 3:
            self.reserve()

    def capture(self):
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.rope.later()
        return graph

    def decode(self, x: torch.Tensor):
        x = x + self.rope.get() + self.rope.later() + self.reserve()
        return x
