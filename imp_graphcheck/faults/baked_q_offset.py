"""Positions computed on the host: the offset of the chunk that was captured is used for every other chunk.

imp passed q_offset by value into its launches and filed graphs under the chunk length alone, so chunk 2 replayed
chunk 1's graph: no error, attention over the wrong context, latent for 56 days (#981, #986).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from unittest.mock import patch

import torch
from torch import Tensor

from imp_engine.batch import StaticInputs
from imp_engine.engine import Engine
from imp_engine.kv_cache import KVCache
from imp_graphcheck.faults.staged_step import noted_steps


class BakedQOffset:
    """No error: right at the offset that was captured, wrong at every other."""

    name = "baked-q-offset"
    code = "GC301"
    history = "imp #981/#986: q_offset by value in the launches, not in the graph key"

    @contextmanager
    def applied(self, engine: Engine) -> Iterator[None]:
        """Replace the device-resident positions by row numbers plus a Python number."""
        rows = torch.arange(engine.config.max_chunk_rows, device=engine.device)
        forward = engine.model.forward
        with noted_steps(engine) as staged:

            def forward_at_offset(inputs: StaticInputs, cache: KVCache) -> Tensor:
                positions = rows[: inputs.positions.numel()] + staged.q_offset  # MARK launch
                return forward(replace(inputs, positions=positions), cache)

            with patch.object(engine.model, "forward", forward_at_offset):
                yield
