"""What is kept of a tensor to tell later whether another one held the same: a few numbers, computed on the device.

Nothing waits for the device until `read` is called, so an eager run under a dispatch mode keeps its pace. Three sums over
the bits: of all, of rows by their number, of columns by theirs. One wrong element changes all three, and rows or columns
that changed places the second or the third. They are sums of integers, exact in any order.
"""

from collections.abc import Sequence

import torch

from imp_graphcheck.checks.first_divergence import Mark

_BITS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int32, 16: torch.int32}
"""By the size of an element."""


@torch.no_grad()
def fingerprint(tensor: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Numbers on the device, for `read`: integers, and float64."""
    tensor = tensor.detach()
    return _digest(tensor), _magnitudes(tensor)


def read(fingerprints: Sequence[tuple[torch.Tensor, torch.Tensor] | None]) -> list[Mark | None]:
    """All of them, in two copies from the device."""
    known = [each for each in fingerprints if each is not None]
    if not known:
        return [None] * len(fingerprints)
    digests = torch.stack([digest for digest, _ in known]).cpu().tolist()
    magnitudes = torch.stack([magnitude for _, magnitude in known]).cpu().tolist()
    marks = iter(
        Mark(tuple(digest), largest, mean, int(nonfinite))
        for digest, (largest, mean, nonfinite) in zip(digests, magnitudes, strict=True)
    )
    return [None if each is None else next(marks) for each in fingerprints]


def _digest(tensor: torch.Tensor) -> torch.Tensor:
    flat = tensor.contiguous().reshape(-1)
    bits = flat.view(_BITS[flat.element_size()])
    columns = bits.numel() // (tensor.numel() // tensor.shape[-1]) if tensor.dim() else bits.numel()
    table = bits.view(-1, columns)
    rows, sums = table.sum(1, dtype=torch.int64), table.sum(0, dtype=torch.int64)
    return torch.stack([rows.sum(), (rows * _numbers(rows)).sum(), (sums * _numbers(sums)).sum()])


def _numbers(of: torch.Tensor) -> torch.Tensor:
    return torch.arange(1, of.numel() + 1, device=of.device)


def _magnitudes(tensor: torch.Tensor) -> torch.Tensor:
    """Largest and mean absolute value of what is finite, and how many elements are not."""
    values = torch.view_as_real(tensor) if tensor.is_complex() else tensor
    if not values.is_floating_point():
        values = values.to(torch.float64)
    elif values.dtype.itemsize < torch.float32.itemsize:
        values = values.to(torch.float32)
    finite = values.isfinite()
    sizes = torch.where(finite, values, 0.0).abs()
    return torch.stack(
        [sizes.amax().double(), sizes.mean(dtype=torch.float64), finite.logical_not().sum().double()]
    )
