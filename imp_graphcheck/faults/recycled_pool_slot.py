"""Attention writes through a slot of a pool of buffers that is given back when the prefill of a request is over.

The graph goes on writing to the slot, whoever has it by then. A freed slot of the prefill pool was one of the suspects for
the illegal access of imp's first captured prefill (#178).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from unittest.mock import patch

import torch
from torch import Tensor

from imp_engine.engine import Engine, Step
from imp_engine.prefill import PrefillChunk
from imp_graphcheck.faults.attention import Kernel, replaced_attention


class RecycledPoolSlot:
    """Right until somebody else gets the memory of the slot."""

    name = "recycled-pool-slot"
    code = "GC201"
    history = "imp #178: a freed slot of the prefill pool"

    @contextmanager
    def applied(self, engine: Engine) -> Iterator[None]:
        """Give the slots back with the first chunk of each request."""
        slots: list[Tensor] = []
        stage = engine.stage
        config = engine.model.config
        elements = engine.config.max_chunk_rows * config.num_heads * config.head_dim
        slot = partial(torch.empty, elements, dtype=engine.dtype, device=engine.device)

        def stage_with_slots(step: Step) -> None:
            if isinstance(step, PrefillChunk) and step.start == 0:
                slots.clear()  # MARK free
            if not slots:
                slots.append(slot())  # MARK allocation
            stage(step)

        def through_slot(kernel: Kernel) -> Kernel:
            def attention(
                query: Tensor, keys: Tensor, values: Tensor, tables: Tensor, positions: Tensor
            ) -> Tensor:
                answer = kernel(query, keys, values, tables, positions)
                return slots[0][: answer.numel()].view(answer.shape).copy_(answer)  # MARK launch

            return attention

        with patch.object(engine, "stage", stage_with_slots), replaced_attention(through_slot):
            yield
