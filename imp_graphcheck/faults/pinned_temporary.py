"""Positions are uploaded inside the captured region, from a pinned buffer that lives as long as the step.

A graph reads the host address again at every replay. imp built pointer arrays on the host's stack and copied them in the
region (#177), and its pinned staging was used again too early (#568): chunk c was run with the positions of another.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import torch
from torch import Tensor

from imp_engine.engine import Engine, Step
from imp_engine.graph_key import GraphKey


class PinnedTemporary:
    """The pinned block is handed out again, and the graph reads what is in it then."""

    name = "pinned-temporary"
    code = "GC206"
    history = "imp #177, #568: uploads from host memory that is gone or used again"

    @contextmanager
    def applied(self, engine: Engine) -> Iterator[None]:
        """Each step pins its positions anew; the one before is given back."""
        stage, forward = engine.stage, engine.forward
        held: dict[str, Tensor] = {}

        def stage_and_pin(step: Step) -> None:
            stage(step)
            tokens = step.key.tokens
            values = engine.inputs.positions[:tokens].cpu()
            held.clear()
            held["positions"] = torch.empty(tokens, dtype=torch.int64, pin_memory=True)  # MARK allocation
            held["positions"].copy_(values)

        def forward_with_upload(key: GraphKey) -> Tensor:
            target = engine.inputs.positions[: key.tokens]
            target.copy_(held["positions"], non_blocking=True)  # MARK launch
            return forward(key)

        with (
            patch.object(engine, "stage", stage_and_pin),
            patch.object(engine, "forward", forward_with_upload),
        ):
            yield
