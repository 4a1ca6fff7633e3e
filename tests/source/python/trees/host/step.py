# entry: step
"""What looks like a sync and is none: values that are on the host anyway."""

import numpy as np
import torch


def lengths(x: torch.Tensor) -> int:
    return x.shape[0]


def step(x: torch.Tensor, rows: list[int], table: np.ndarray, options: dict[str, int], flag: bool):
    n = x.shape[0]
    if x.size(0) > 3 and x.numel() and len(x):
        n = int(x.shape[1])
    if x.dtype == torch.float16 or x.device == torch.device("cuda"):
        n += 1
    if x is not None:
        n += x.dim()
    total = float(np.sum(table))
    first = table.sum().item()
    if table[0] > 3:
        n += 1
    rows_mask = table > 0
    kept = table[rows_mask]
    where = np.where(table)
    every = table.tolist()
    if rows:
        n += rows[0]
    for row in rows:
        n += row
    for part in x:
        n += part.shape[0]
    host = torch.zeros(8)
    if host.sum() > 0:
        n += 1
    number = host.sum().item()  #! d2h yes harmless
    listed = host.tolist()  #! d2h yes harmless
    host[2] = 1.0
    some = host[[1, 2]]
    cpu_lens = torch.arange(4, device="cpu")
    longest = int(cpu_lens.max())  #! d2h yes harmless
    print(x.shape, n)
    text = f"{x.shape} {x.dtype} {lengths(x)}"
    if flag and options.get("a", 0):
        n += options["a"]
    part = x[:n]
    part = x[lengths(x) - 1]
    x[0:2] = 0
    x.masked_fill_(x > 0, 0.0)
    masked = torch.where(x > 0, x, 1.0)
    y = x.detach().clone().contiguous().view(-1)
    z = torch.cat([x, y]) if n else y
    for _ in range(n):
        z = z + 1
    bigger = max(n, len(rows))
    if isinstance(x, torch.Tensor) and hasattr(x, "foo"):
        n += 1
    return total, first, kept, where, every, number, listed, some, longest, text, part, masked, z, bigger
