"""A table in a module of its own, with the old ones kept where nobody finds them by name."""

import queue

import torch

_table: torch.Tensor | None = None
_retired: queue.SimpleQueue[torch.Tensor | None] = queue.SimpleQueue()


def table(device):
    global _table
    if _table is None:
        _table = torch.full((8,), 2.0, device=device)  # MARK HelperModule allocation
    return _table


def reload(device):
    global _table
    _retired.put(_table)
    _table = torch.full((8,), 3.0, device=device)
