"""Attention scratch that is allocated for each eager call and given back after it, while a graph still points at it.

imp gathered past keys and values into `k_full` and `v_full`, allocated per call with cudaMallocAsync (#178). The host
code that allocates does not run at a replay; the kernels that write and read the scratch do.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from imp_engine.engine import Engine, Step
from imp_graphcheck.faults.attention import Kernel, replaced_attention

SEGMENT_BYTES = 32 << 20
"""As much as makes the allocator give the scratch a mapping of its own, which goes when the scratch goes."""


class PerCallScratch:
    """capture ok, replay: illegal memory access."""

    name = "per-call-scratch"
    code = "GC202"
    history = "imp #178: k_full/v_full allocated per call at q_offset > 0"

    @contextmanager
    def applied(self, engine: Engine) -> Iterator[None]:
        """Gather the pages of every attention call into scratch that lives until the next step is staged."""
        scratch: dict[str, Tensor] = {}
        stage = engine.stage

        def stage_with_scratch(step: Step) -> None:
            scratch.clear()  # MARK free
            torch.get_device_module(engine.device).empty_cache()
            if step.key not in engine.graph_runner.captured:
                scratch["k_full"] = _scratch(engine)
                scratch["v_full"] = _scratch(engine)
            stage(step)

        with (
            patch.object(engine, "stage", stage_with_scratch),
            replaced_attention(lambda kernel: _attention_through(scratch, kernel)),
        ):
            yield


def _elements(dtype: torch.dtype) -> int:
    return SEGMENT_BYTES // dtype.itemsize


def _scratch(engine: Engine) -> Tensor:
    return torch.empty(_elements(engine.dtype), dtype=engine.dtype, device=engine.device)  # MARK allocation


def _attention_through(scratch: dict[str, Tensor], kernel: Kernel) -> Kernel:
    def attention(
        query: Tensor, key_cache: Tensor, value_cache: Tensor, block_tables: Tensor, positions: Tensor
    ) -> Tensor:
        blocks = block_tables.reshape(-1)
        for name in ("k_full", "v_full"):
            if name not in scratch:  # a capture of a key that has its graph already: nobody allocated before
                scratch[name] = torch.empty(
                    _elements(key_cache.dtype), dtype=key_cache.dtype, device=query.device
                )
        pages = [
            torch.index_select(cache, 0, blocks, out=_shaped(scratch[name], cache, blocks))
            for name, cache in (("k_full", key_cache), ("v_full", value_cache))
        ]
        rows = torch.arange(blocks.numel(), device=query.device, dtype=block_tables.dtype)
        gathered: tuple[Any, ...] = (*pages, rows.view(block_tables.shape), positions)
        return kernel(query, *gathered)

    return attention


def _shaped(scratch: Tensor, cache: Tensor, blocks: Tensor) -> Tensor:
    shape = (blocks.numel(), *cache.shape[1:])
    return scratch[: torch.Size(shape).numel()].view(shape)
