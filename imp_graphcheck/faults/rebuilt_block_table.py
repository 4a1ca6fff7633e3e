"""The block table of every step is a new tensor; graphs go on reading the one that they were captured with.

imp replayed a graph with a per-step address in it (#1648, #1708): tens of thousands of illegal accesses in the log, and
none with graphs off.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from unittest.mock import patch

from imp_engine.engine import Engine, Step


class RebuiltBlockTable:
    """The captured table is freed by the next step, and belongs to somebody else from then on."""

    name = "rebuilt-block-table"
    code = "GC201"
    history = "imp #1648, #1708: per-step address in a replayed graph"

    @contextmanager
    def applied(self, engine: Engine) -> Iterator[None]:
        """Put a copy in the place of the static table after each step was staged."""
        stage, inputs = engine.stage, engine.inputs

        def stage_and_rebuild(step: Step) -> None:
            engine.inputs = inputs  # MARK free
            stage(step)
            engine.inputs = replace(inputs, block_tables=inputs.block_tables.clone())  # MARK allocation

        with patch.object(engine, "stage", stage_and_rebuild):
            try:
                yield
            finally:
                engine.inputs = inputs
