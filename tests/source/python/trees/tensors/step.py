# entry: step
"""What waits for the device without saying so."""

import logging
import math

import torch
import torch.nn.functional as F

logger = logging.getLogger(__name__)


def step(x: torch.Tensor, mask: torch.Tensor, sizes: torch.Tensor, scores):
    total = x.sum().item()  #! d2h yes forbidden
    host = x.cpu()  #! d2h yes forbidden pageable
    later = x.to("cpu", non_blocking=True)  #! d2h yes rereads host pinned
    numbers = x.tolist()  #! d2h yes forbidden
    if x.sum() > 0:  #! d2h yes forbidden
        x = x + 1
    while x.max() > 1:  #! d2h yes forbidden
        x = x / 2
    assert (x >= 0).all()  #! d2h yes forbidden
    if not torch.isfinite(x).all():  #! d2h yes forbidden
        x = torch.zeros_like(x)
    sign = 1 if x[0] > 0 else -1  #! d2h yes forbidden
    if total > 3 and x.any():  #! d2h yes forbidden
        x = x * sign
    where = torch.nonzero(x)  #! sync yes forbidden
    pairs = torch.where(x > 0)  #! sync yes forbidden
    kept = torch.where(x > 0, x, 0.0)
    picked = x.masked_select(mask > 0)  #! sync yes forbidden
    chosen = x[x > 0.5]  #! sync yes forbidden
    alive = ~(x == 0)
    x[alive] = kept[alive]  #! sync yes forbidden
    x[alive] = 0.0
    first = x[[0, 2, 5]]  #! h2d yes forbidden pageable
    values = torch.unique(x)  #! sync yes forbidden
    runs = x.unique_consecutive()  #! sync yes forbidden
    spread = torch.repeat_interleave(x, sizes)  #! sync yes forbidden
    same = torch.repeat_interleave(x, sizes, output_size=64)
    three = x.repeat_interleave(3)
    head = x[: sizes[0]]  #! d2h yes forbidden
    out = torch.zeros(8, device="cuda")
    out[2] = 1.0  #! h2d yes forbidden pageable
    out[2:4] = 1.0
    one = torch.tensor([1.0, 2.0], device=x.device)  #! h2d yes forbidden pageable
    two = torch.as_tensor([1, 2], device="cuda")  #! h2d yes forbidden pageable
    scale = float(x.max())  #! d2h yes forbidden
    count = int(sizes.sum())  #! d2h yes forbidden
    root = math.sqrt(x.sum())  #! d2h yes forbidden
    for _ in range(sizes[0]):  #! d2h yes forbidden
        x = x + 1
    biggest = max(x[0], x[1])  #! d2h yes forbidden
    if 3 in sizes:  #! d2h yes forbidden
        x = x - 1
    print(x)  #! d2h yes forbidden
    name = f"{x.sum():.2f} of {x.shape}"  #! d2h yes forbidden
    percent = "%d of %d" % (x.sum(), 3)  #! d2h yes forbidden
    braces = "{}".format(x.sum())  #! d2h yes forbidden
    logger.info("sum %s of %s", x.sum(), x.shape)  #! d2h maybe forbidden
    filled = torch.full((4,), x.sum())  #! d2h yes forbidden
    if torch.equal(x, kept):  #! d2h yes forbidden
        x = x.clone()
    near = torch.allclose(x, kept)  #! d2h yes forbidden
    hot = F.one_hot(sizes)  #! sync yes forbidden
    cold = F.one_hot(sizes, num_classes=8)
    inverse = torch.linalg.inv(x)  #! sync yes forbidden
    counts = torch.bincount(sizes)  #! sync yes forbidden
    if scores.unsqueeze(0).amax() > 1:  #! d2h yes forbidden
        x = x + scores
    ranks = torch.arange(sizes.max(), device=x.device)  #! d2h yes forbidden
    long = (
        x
        .float()
        .mean()
        .item()  #! d2h yes forbidden
    )
    return (
        host,
        later,
        numbers,
        where,
        pairs,
        picked,
        chosen,
        first,
        values,
        runs,
        spread,
        same,
        three,
        head,
        one,
        two,
        scale,
        count,
        root,
        biggest,
        name,
        percent,
        braces,
        filled,
        near,
        hot,
        cold,
        inverse,
        counts,
        ranks,
        long,
    )
