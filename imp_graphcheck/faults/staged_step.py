"""What the host knows of the step that was staged last: numbers that a careless engine computes with."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from unittest.mock import patch

from imp_engine.engine import Engine, Step
from imp_engine.prefill import PrefillChunk


@dataclass(slots=True)
class StagedStep:
    """`q_offset` tokens were computed before; with this step the longest sequence has `context` tokens."""

    q_offset: int = 0
    context: int = 0


@contextmanager
def noted_steps(engine: Engine) -> Iterator[StagedStep]:
    """Kept up to date while the context is active."""
    staged, stage = StagedStep(), engine.stage

    def stage_and_note(step: Step) -> None:
        if isinstance(step, PrefillChunk):
            staged.q_offset, staged.context = step.start, step.end
        else:
            staged.context = max(map(len, step.sequences))
            staged.q_offset = staged.context - 1
        stage(step)

    with patch.object(engine, "stage", stage_and_note):
        yield staged
