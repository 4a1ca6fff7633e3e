"""The first replay of a graph fails, its error is ignored, and the step is skipped: last step's logits come back.

A capture records and does not execute, so the first replay is the step. imp's error path returned without running the
forward, and four of five callers ignored the return value (#1417).
"""

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

from imp_engine.engine import Engine
from imp_engine.graph import Output


class SkippedFirstReplay:
    """The first answer of each graph is whatever its output buffer held before."""

    name = "skipped-first-replay"
    code = "GC408"
    history = "imp #1417: failed first replay skipped the forward"

    @contextmanager
    def applied(self, engine: Engine) -> Iterator[None]:
        """Let the first replay of each captured graph do nothing."""
        runner = engine.graph_runner
        replay = runner.replay
        skipped: set[int] = set()

        def replay_unless_first(key: Hashable) -> Output:
            captured = runner.captured[key]
            if id(captured) not in skipped:
                skipped.add(id(captured))
                return captured.output
            return replay(key)

        with patch.object(runner, "replay", replay_unless_first):
            yield
