"""One fake child in the hands of a test, and the processes it consists of."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import msgspec

from imp_graphcheck.capture.settings import CaptureSettings
from imp_graphcheck.child import Ending, Template, run_child
from imp_graphcheck.child.events import Event

WORKER = str(Path(__file__).with_name("fake_worker.py"))


@dataclass
class Trial:
    """One fake child: what it sent, what it printed, which processes it consisted of."""

    output: Path
    log: IO[bytes]
    template: Template | None = None
    events: list[Event] = field(default_factory=list)

    def run(
        self,
        behaviour: str,
        *,
        timeout: float = 30.0,
        startup_timeout: float | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> Ending:
        settings = CaptureSettings(model=f"fake:{behaviour}", output=str(self.output))
        return run_child(
            [WORKER],
            msgspec.to_builtins(settings),
            on_event=on_event or self.events.append,
            timeout=timeout,
            log=self.log,
            template=self.template,
            startup_timeout=startup_timeout,
        )

    def wait_until_ready(self) -> None:
        """Until the child is where a test wants to interrupt it."""
        deadline = time.monotonic() + 30
        while not list(self.output.glob("runs/*/ready")):
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def names(self) -> list[str]:
        return [type(event).__name__ for event in self.events]


def descendants_of(pid: int, *, dead: bool = False) -> set[int]:
    """Every process that `pid` has started, directly or not; those that ended and were not reaped only if `dead`."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                status = (entry / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended while we looked
            if dead or status[0] != "Z":
                parents[int(entry.name)] = int(status[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def gone(pid: int, within: float = 5.0) -> bool:
    deadline = time.monotonic() + within
    while alive(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
