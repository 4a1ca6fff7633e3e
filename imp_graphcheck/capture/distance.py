"""How far one output lies from another, in the figures that readers of logits know.

KL(base || test) in float64 over the softmax of the last dimension, mean and maximum over rows; top-1 and top-5
agreement over rows (llama.cpp's `--kl-divergence` reports the same). Rows with a value that is not finite are counted
and left out, so that one NaN does not hide the rest.
"""

from collections.abc import Callable

import torch
from msgspec.structs import replace

from imp_graphcheck.capture.outputs import HostOutput
from imp_graphcheck.device.same_bytes import bytes_of, same_bytes
from imp_graphcheck.record.run import Distance

LEAST_CLASSES = 8
"""A last dimension shorter than this is not taken for logits."""
_TOP = 5
_ROWS_AT_ONCE = 256


def distance(base: HostOutput, test: HostOutput) -> Distance:
    """The distance of `test` from `base`. Outputs of different shapes or dtypes have no figures, only `layouts`."""
    if _layout(base) != _layout(test):
        layouts = f"{_layout(test)} instead of {_layout(base)}"
        return Distance(max_abs_delta=None, mean_abs_delta=None, bit_equal=0.0, layouts=layouts)
    if all(same_bytes(b, t) for b, t in zip(base, test, strict=True)):
        # The normal case, and figures over a large vocabulary cost a hundred times as much as this.
        return _no_distance(base)
    total = sum(tensor.numel() for tensor in base)
    equal = sum(_bit_equal(b, t) for b, t in zip(base, test, strict=True))
    deltas = torch.cat([torch.zeros(0, dtype=torch.float64), *map(_deltas, base, test)])
    found = Distance(
        max_abs_delta=float(deltas.max()) if deltas.numel() else None,
        mean_abs_delta=float(deltas.mean()) if deltas.numel() else None,
        bit_equal=equal / total,
        nan_count=_count(torch.isnan, test),
        inf_count=_count(torch.isinf, test),
    )
    logits = next((pair for pair in zip(base, test, strict=True) if _is_logits(pair[0])), None)
    return found if logits is None else _with_logits(found, *logits)


def _no_distance(output: HostOutput) -> Distance:
    """The distance of an output from itself."""
    nan_count, inf_count = _count(torch.isnan, output), _count(torch.isinf, output)
    finite = any(bool(tensor.isfinite().any()) for tensor in output)
    logits = next((tensor for tensor in output if _is_logits(tensor)), None)
    some_row = logits is not None and bool(logits.isfinite().all(dim=-1).any())
    return Distance(
        max_abs_delta=0.0 if finite else None,
        mean_abs_delta=0.0 if finite else None,
        bit_equal=1.0,
        kld=0.0 if some_row else None,
        kld_max=0.0 if some_row else None,
        top1_agreement=1.0 if some_row else None,
        top5_agreement=1.0 if some_row else None,
        nan_count=nan_count,
        inf_count=inf_count,
    )


def _count(test: Callable[[torch.Tensor], torch.Tensor], output: HostOutput) -> int:
    floats = (tensor for tensor in output if tensor.is_floating_point() or tensor.is_complex())
    return sum(int(test(tensor).sum()) for tensor in floats)


def _layout(output: HostOutput) -> str:
    return ", ".join(f"{str(t.dtype).removeprefix('torch.')}{list(t.shape)}" for t in output) or "nothing"


def _bit_equal(base: torch.Tensor, test: torch.Tensor) -> int:
    if base.numel() == 0:
        return 0
    width = base.element_size()
    bits = [bytes_of(tensor).view(-1, width) for tensor in (base, test)]
    return int((bits[0] == bits[1]).all(dim=1).sum())


def _deltas(base: torch.Tensor, test: torch.Tensor) -> torch.Tensor:
    # Integers keep all their digits in int64; float64 would round the last of a large one away.
    if base.is_complex():
        base, test = torch.view_as_real(base), torch.view_as_real(test)
    if base.is_floating_point():
        delta = (base.double() - test.double()).abs().reshape(-1)
        return delta[delta.isfinite()]
    return (base.long() - test.long()).abs().double().reshape(-1)


def _is_logits(tensor: torch.Tensor) -> bool:
    return tensor.is_floating_point() and tensor.dim() >= 2 and tensor.shape[-1] >= LEAST_CLASSES


def _with_logits(found: Distance, base: torch.Tensor, test: torch.Tensor) -> Distance:
    rows = base.reshape(-1, base.shape[-1]), test.reshape(-1, test.shape[-1])
    finite = rows[0].isfinite().all(dim=-1) & rows[1].isfinite().all(dim=-1)
    if not finite.any():
        return found
    kld, top1, top5 = [], [], []
    # Row blocks bound the memory: float64 copies of a vocabulary of 150,000 are 1.2 MB a row.
    for base_rows, test_rows in zip(
        torch.split(rows[0][finite], _ROWS_AT_ONCE), torch.split(rows[1][finite], _ROWS_AT_ONCE), strict=True
    ):
        p, q = base_rows.double().log_softmax(-1), test_rows.double().log_softmax(-1)
        kld.append((p.exp() * (p - q)).sum(-1).clamp_min(0.0))
        base_top, test_top = (block.topk(_TOP, dim=-1).indices for block in (base_rows, test_rows))
        top1.append((base_top[:, 0] == test_top[:, 0]).double())
        top5.append((base_top.unsqueeze(-1) == test_top.unsqueeze(-2)).any(-1).double().mean(-1))
    return replace(
        found,
        kld=float(torch.cat(kld).mean()),
        kld_max=float(torch.cat(kld).max()),
        top1_agreement=float(torch.cat(top1).mean()),
        top5_agreement=float(torch.cat(top5).mean()),
    )
