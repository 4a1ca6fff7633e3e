# entry: step
"""What a name stands for: narrowing, branches, unpacking, and where a tensor is."""

from typing import NamedTuple

import torch


class Pair(NamedTuple):
    lengths: torch.Tensor
    lengths_cpu: torch.Tensor


def host_or_device(flag: bool, x: torch.Tensor):
    if flag:
        return x
    return x.cpu()  #! d2h no harmless


def either(flag: bool, x: torch.Tensor):
    if flag:
        return x
    return x.cpu()  #! d2h yes forbidden


def checked(x: torch.Tensor, check: bool = False, deep: bool = False):
    if check:
        x.item()  #! d2h no harmless
    if deep:
        x.tolist()  #! d2h yes forbidden


def counts(x: torch.Tensor) -> tuple[torch.Tensor, int]:
    return x, x.shape[0]


def step(x: torch.Tensor, n: int | torch.Tensor, pair: Pair, maybe: torch.Tensor | None = None):
    if isinstance(n, torch.Tensor):
        n = n.item()  #! d2h yes forbidden
    if n > 3:
        x = x + 1
    values, rows = counts(x)
    if rows > 3:
        x = x + 1
    if values.max() > 3:  #! d2h yes forbidden
        x = x + 1
    (a, b), c = (x, 3), x.shape
    if b:
        x = x + 1
    if a.any():  #! d2h yes forbidden
        x = x + 1
    if maybe is None:
        maybe = torch.zeros(3, device=x.device)
    if maybe.sum() > 0:  #! d2h yes forbidden
        x = x + 1
    pair.lengths.tolist()  #! d2h yes forbidden
    pair.lengths_cpu.tolist()  #! d2h yes harmless
    y = x.cpu()  #! d2h yes forbidden
    y.max().item()  #! d2h yes harmless
    z = y.numpy()
    z.tolist()
    top = torch.topk(x, 3)
    top.values.tolist()  #! d2h yes forbidden
    best, where = x.max(dim=0)
    where.item()  #! d2h yes forbidden
    rows = [torch.zeros(3) for _ in range(4)]
    rows[0].tolist()  #! d2h yes harmless
    if (total := x.sum()) > 0:  #! d2h yes forbidden
        x = x + total
    mask = x > 0
    mask = mask & (x < 3)
    x[~mask].sum()  #! sync yes forbidden
    index = mask.long()
    x[index].sum()
    shifted = x.roll(1)[mask.nonzero()]  #! sync yes forbidden
    with torch.device("cuda"):
        inside = torch.zeros(4)
    inside.tolist()  #! d2h yes forbidden
    host_or_device(True, x)
    checked(x, deep=True)
    either(True, x)
    either(x.shape[0] > 3, x)
    match n:
        case 3:
            x.item()  #! d2h yes forbidden
        case _:
            pass
    return best, shifted, c
