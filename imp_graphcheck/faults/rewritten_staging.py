"""One pinned staging buffer for all steps, and nobody waits for the copies from it.

The host is ahead of the device: imp's chunk c was computed with the tokens of chunk c + N (#548, #568), and the attention
kernel was blamed for it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import torch

from imp_engine.engine import Engine, Step


class RewrittenStaging:
    """Right as long as the device keeps up."""

    name = "rewritten-staging"
    code = "GC403"
    history = "imp #548, #568: pinned staging written again before its copy has run"
    probe = "delay"

    @contextmanager
    def applied(self, engine: Engine) -> Iterator[None]:
        """Copy the tokens once more, through a buffer without an event."""
        stage = engine.stage
        tokens = engine.inputs.token_ids
        staging = torch.zeros(tokens.shape, dtype=tokens.dtype, pin_memory=True)

        def stage_through_one_buffer(step: Step) -> None:
            stage(step)
            batch = step.batch(engine.config.block_size)
            staging.zero_()
            staging[: len(batch.token_ids)] = torch.tensor(batch.token_ids)
            tokens.copy_(staging, non_blocking=True)  # MARK launch

        with patch.object(engine, "stage", stage_through_one_buffer):
            yield
