"""A workspace that fits itself to the context of each step, and moves when it does.

imp's compute/ had six of them: "a CUDA graph could replay a kernel whose scratch pointer had been freed" (changelog of
0.20, audit B13).
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from imp_engine.engine import Engine, Step
from imp_graphcheck.faults.attention import Kernel, replaced_attention
from imp_graphcheck.faults.staged_step import noted_steps


class GrownWorkspace:
    """Graphs that were captured before it moved write to memory that was given back."""

    name = "grown-workspace"
    code = "GC201"
    history = "imp #2435 and audit B13: statics that grew with cudaFree and cudaMalloc"

    @contextmanager
    def applied(self, engine: Engine) -> Iterator[None]:
        """Attention leaves its answer in the workspace on the way out."""
        held: list[Tensor] = []

        def fit(elements: int) -> None:
            if not held or held[0].numel() != elements:
                held[:] = [torch.empty(elements, dtype=engine.dtype, device=engine.device)]  # MARK allocation

        with noted_steps(engine) as staged:
            stage = engine.stage

            def stage_with_room(step: Step) -> None:
                stage(step)
                config = engine.model.config
                fit(max(staged.context, step.key.tokens) * config.num_heads * config.head_dim)

            def through_workspace(kernel: Kernel) -> Kernel:
                def attention(
                    query: Tensor, keys: Tensor, values: Tensor, tables: Tensor, positions: Tensor
                ) -> Tensor:
                    answer = kernel(query, keys, values, tables, positions)
                    return held[0][: answer.numel()].view(answer.shape).copy_(answer)  # MARK launch

                return attention

            engine.stage = stage_with_room  # type: ignore[method-assign]
            try:
                with replaced_attention(through_workspace):
                    yield
            finally:
                engine.stage = stage  # type: ignore[method-assign]
