"""What one child has seen: handed from it to its parent through a file beside the audit."""

from pathlib import Path

import msgspec

from imp_graphcheck.apis.verdict import CaptureMode
from imp_graphcheck.audit.sighting import Sighting

WARM_FILE = "calls.json"
COLD_FILE = "cold.json"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What the captures of the program came to: `captured` are the keys that have a graph, `failed` those that have none.

    `failed` maps each to where its capture ended: file and line; None where no line is known.
    """

    mode: CaptureMode = "global"
    captured: tuple[str, ...] = ()
    failed: dict[str, tuple[str, int] | None] = {}

    @property
    def was_tried(self) -> bool:
        """Whether anything was captured, or would have been."""
        return bool(self.captured or self.failed)


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """All that sites are made of."""

    sightings: tuple[Sighting, ...] = ()
    outcome: Outcome = Outcome()
    notes: tuple[str, ...] = ()


def save_seen(seen: Seen, path: Path) -> None:
    """Write it as a whole. Raises OSError."""
    temporary = path.with_suffix(".part")
    temporary.write_bytes(msgspec.json.encode(seen))
    temporary.replace(path)


def take_seen(path: Path) -> Seen:
    """Read it, and remove it; nothing where there is none. Raises OSError."""
    if not path.exists():
        return Seen()
    seen = msgspec.json.decode(path.read_bytes(), type=Seen)
    path.unlink()
    return seen
