"""The pages of a sequence are listed in a host array that is gone when the capture ends, and copied inside the region.

A graph reads the host address again at each replay. imp built the pointer arrays of its attention on the host's stack, six
of them for each call (#177).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import torch
from torch import Tensor

from imp_engine.engine import Engine, Step
from imp_engine.graph_key import GraphKey


class DeadPointerArray:
    """Whatever lies in the host memory by then is taken for pages."""

    name = "dead-pointer-array"
    code = "GC206"
    history = "imp #177: pointer arrays in host memory that is dead at the replay"

    @contextmanager
    def applied(self, engine: Engine) -> Iterator[None]:
        """Upload the block tables in the captured region, from an array of the call's own."""
        stage, forward = engine.stage, engine.forward
        tables = engine.inputs.block_tables
        listed: list[Tensor] = []

        def stage_and_list(step: Step) -> None:
            stage(step)
            pages = tables.cpu()
            listed[:] = [torch.empty(tables.shape, dtype=tables.dtype, pin_memory=True)]  # MARK allocation
            listed[0].copy_(pages)

        def forward_with_array(key: GraphKey) -> Tensor:
            tables.copy_(listed[0], non_blocking=True)  # MARK launch
            listed.clear()
            return forward(key)

        with (
            patch.object(engine, "stage", stage_and_list),
            patch.object(engine, "forward", forward_with_array),
        ):
            yield
