"""Every step drops all graphs before it runs: each call pays for a capture, and nothing is ever served from a graph twice.

imp captured a chunk shape anew whenever a snapshot boundary cut it differently, at one wasted forward pass each (#874).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from imp_engine.engine import Engine, Step

REASON = "the shape of the last chunk was another"


class RecaptureEveryCall:
    """Right answers, and no gain."""

    name = "recapture-every-call"
    code = "GC602"
    history = "imp #874: capture thrash when chunk shapes churn"

    @contextmanager
    def applied(self, engine: Engine) -> Iterator[None]:
        """Invalidate at every step, once there is a graph that was replayed."""
        stage, runner = engine.stage, engine.graph_runner

        def stage_and_drop(step: Step) -> None:
            if any(captured.replays for captured in runner.captured.values()):
                runner.invalidate(reason=REASON)
            stage(step)

        with patch.object(engine, "stage", stage_and_drop):
            yield
