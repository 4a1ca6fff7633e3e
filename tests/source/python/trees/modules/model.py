# entry: Model.forward
"""Calls of modules: attributes, containers, inheritance, hooks of the language."""

from dataclasses import dataclass, field

import torch
from torch import nn


class Base(nn.Module):
    def forward(self, x):
        x = self.before(x)
        return self.after(x)

    def before(self, x):
        return x.nonzero()  #! sync no harmless

    def after(self, x):
        return x


class Layer(Base):
    def __init__(self, n: int):
        super().__init__()
        self.fc = nn.Linear(n, n)
        self.register_buffer("scale", torch.ones(1))
        self.weight = nn.Parameter(torch.zeros(n))

    def before(self, x):
        if self.scale > 1:  #! d2h yes forbidden
            x = self.fc(x)
        if self.weight.sum():  #! d2h yes forbidden
            x = x + 1
        return x

    def after(self, x):
        x = super().after(x)
        return x + x.max().item()  #! d2h yes forbidden


class Other(Base):
    def before(self, x):
        return x.cpu()  #! d2h no harmless


class Gate(nn.Module):
    def forward(self, x):
        h = x * 2
        return h.tolist()  #! d2h yes forbidden


class Norm(nn.Module):
    def forward(self, x: torch.Tensor):
        return x / x.norm().item()  #! d2h yes forbidden


class Head(nn.Module):
    def forward(self, x: torch.Tensor):
        return x[x > 0]  #! sync yes forbidden


class Callable:
    def __call__(self, x: torch.Tensor):
        return x.argwhere()  #! sync yes forbidden


class Unused(nn.Module):
    def forward(self, x: torch.Tensor):
        return x.item()  #! d2h no harmless


@dataclass
class Inputs:
    tokens: torch.Tensor
    mask: torch.Tensor | None = None
    rows: list[int] = field(default_factory=list)


class Model(nn.Module):
    rotary: "Rotary"

    def __init__(self, n: int, rotary: "Rotary"):
        super().__init__()
        self.layers = nn.ModuleList([Layer(n) for _ in range(4)])
        self.gates = nn.ModuleDict({"a": Gate()})
        self.head = nn.Sequential(nn.Linear(n, n), Head())
        self.call = Callable()
        self.unused = Unused()
        blocks = []
        for _ in range(2):
            blocks.append(Norm())
        self.norms = nn.ModuleList(blocks)
        self.rotary = rotary

    @property
    def largest(self):
        return self.layers[0].weight.max().item()  #! d2h yes forbidden

    @staticmethod
    def still(x: torch.Tensor):
        return x.item()  #! d2h yes forbidden

    @classmethod
    def made(cls, x: torch.Tensor):
        return cls.inner(x)

    @classmethod
    def inner(cls, x: torch.Tensor):
        return bool(x.any())  #! d2h yes forbidden

    def forward(self, inputs: Inputs):
        x = inputs.tokens
        for layer in self.layers:
            x = layer(x)
        for number, norm in enumerate(self.norms):
            x = norm(x) + number
        self.gates["a"](x)
        self.head(x)
        self.call(x)
        if self.largest > 3:
            x = x + 1
        self.still(x)
        self.made(x)
        if inputs.mask is not None and inputs.mask.all():  #! d2h yes forbidden
            x = x + 1
        if inputs.rows:
            x = x + inputs.rows[0]
        return self.rotary(x)


class Rotary(nn.Module):
    def forward(self, x: torch.Tensor):
        with Scope(x) as scope:
            return scope


class Scope:
    def __init__(self, x: torch.Tensor):
        self.x = x

    def __enter__(self):
        return self.x.item()  #! d2h yes forbidden

    def __exit__(self, *error):
        self.x.tolist()  #! d2h yes forbidden
