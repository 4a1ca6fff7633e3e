"""What the parent of a child that goes through stages remembers of it."""

import time
from pathlib import Path

from imp_graphcheck.capture.aftermath import LastSeen
from imp_graphcheck.child.events import Event, RunStarted, StageFinished, StageStarted
from imp_graphcheck.child.listener import OnEvent
from imp_graphcheck.record.run import Stage


class Witness:
    """Remembers where the child was, and passes every event on."""

    def __init__(self, on_event: OnEvent) -> None:
        self._on_event = on_event
        self._finished: list[Stage] = []
        self._current: str | None = None
        self._started_at = 0.0
        self.directory: Path | None = None

    def see(self, event: Event) -> None:
        """The child told something."""
        match event:
            case StageStarted(name=name):
                self._current, self._started_at = name, time.monotonic()
            case StageFinished(stage=stage):
                self._current = None
                self._finished.append(stage)
            case RunStarted(directory=directory):
                self.directory = Path(directory)
        self._on_event(event)

    def last_seen(self) -> LastSeen:
        """Where it was when it told something last."""
        return LastSeen(
            finished=tuple(self._finished),
            current=self._current,
            seconds=time.monotonic() - self._started_at if self._current is not None else 0.0,
        )
