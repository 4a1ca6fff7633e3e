"""A workspace that one graph's capture allocated, used by another graph as well, and given back.

What is allocated inside a capture lies in that graph's private pool. The other graph writes there long after it was given
back. imp kept workspaces per shape in statics that a second engine used again (audit B13).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from unittest.mock import patch

import torch
from torch import Tensor

from imp_engine.engine import Engine, Step
from imp_graphcheck.faults.attention import Kernel, replaced_attention


class BorrowedWorkspace:
    """Two graphs write the same memory, and one of them does not own it."""

    name = "borrowed-workspace"
    code = "GC201"
    history = "imp #2435 and audit B13: statics of one engine in use by another"

    @contextmanager
    def applied(self, engine: Engine) -> Iterator[None]:
        """The first capture leaves its workspace to the ones after it; the first replay gives it back."""
        left: list[Tensor] = []
        module = torch.get_device_module(engine.device)
        runner, stage = engine.graph_runner, engine.stage
        config = engine.model.config
        elements = engine.config.max_chunk_rows * config.num_heads * config.head_dim
        workspace = partial(torch.empty, elements, dtype=engine.dtype, device=engine.device)

        def stage_and_give_back(step: Step) -> None:
            if step.key in runner.captured:
                left.clear()  # MARK free
            stage(step)

        def through_workspace(kernel: Kernel) -> Kernel:
            def attention(
                query: Tensor, keys: Tensor, values: Tensor, tables: Tensor, positions: Tensor
            ) -> Tensor:
                answer = kernel(query, keys, values, tables, positions)
                capturing = module.is_current_stream_capturing()
                if capturing and not left:
                    left.append(workspace())  # MARK allocation
                room = left[0] if capturing else workspace()
                return room[: answer.numel()].view(answer.shape).copy_(answer)  # MARK launch

            return attention

        with patch.object(engine, "stage", stage_and_give_back), replaced_attention(through_workspace):
            yield
