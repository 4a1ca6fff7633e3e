"""A step that captures also warms up, on the real inputs, and what the warm-up did to the state stays.

A recurrent state is advanced twice for that step. imp's captured path warmed up, captured and replayed in one step
(#1417 and after); eager execution does the step once.
"""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from imp_engine.engine import Engine, Step
from imp_engine.prefill import PrefillChunk
from imp_graphcheck.faults.attention import Kernel, replaced_attention


class AdvancingWarmUp:
    """Right once every graph is captured; wrong for the requests that met a capture."""

    name = "advancing-warm-up"
    code = "GC405"
    history = "imp #1417: warm-up, capture and replay in one step"
    probe = "first-use"

    @contextmanager
    def applied(self, engine: Engine) -> Iterator[None]:
        """Carry a little of each step into the next one, and let every capture be preceded by a warm-up."""
        config, runner = engine.model.config, engine.graph_runner
        carry = torch.zeros(config.num_heads, config.head_dim, dtype=engine.dtype, device=engine.device)
        stage, run = engine.stage, runner.run

        def stage_and_reset(step: Step) -> None:
            stage(step)
            if not isinstance(step, PrefillChunk) or step.start == 0:
                carry.zero_()

        def run_after_warm_up(key: Hashable, forward: Callable[[], Any]) -> Any:
            if runner.closed(key) is None and key not in runner.captured:
                runner.warm(key, forward)
                runner.capture(key, forward)
            return run(key, forward)

        def with_carry(kernel: Kernel) -> Kernel:
            def attention(
                query: Tensor, keys: Tensor, values: Tensor, tables: Tensor, positions: Tensor
            ) -> Tensor:
                answer = kernel(query, keys, values, tables, positions) + carry
                carry.mul_(0.5).add_(answer[0, -1], alpha=0.5)
                return answer

            return attention

        with (
            patch.object(engine, "stage", stage_and_reset),
            patch.object(runner, "run", run_after_warm_up),
            replaced_attention(with_carry),
        ):
            yield
