"""What a child tells its parent: one JSON object per line, told apart by `type`."""

import msgspec

from imp_graphcheck.record.run import Stage


class StageStarted(msgspec.Struct, frozen=True, tag_field="type", tag="stage_started"):
    """A stage begins. `total` is how many steps it has, where that is known.

    `patience`: after how many seconds without progress this stage hangs, where the child knows better than the option says.
    """

    name: str
    total: int | None = None
    patience: float | None = None


class Progress(msgspec.Struct, frozen=True, tag_field="type", tag="progress"):
    """`done` steps of the current stage are behind us."""

    done: int


class StageFinished(msgspec.Struct, frozen=True, tag_field="type", tag="stage_finished"):
    """A stage is over, one way or the other."""

    stage: Stage


class RunStarted(msgspec.Struct, frozen=True, tag_field="type", tag="run"):
    """The run directory exists, and its `run.json` is kept up to date from here on."""

    directory: str


class Rejected(msgspec.Struct, frozen=True, tag_field="type", tag="rejected"):
    """Bad input, found where only the child could look. Nothing more follows."""

    message: str
    hint: str = ""


class Crashed(msgspec.Struct, frozen=True, tag_field="type", tag="crashed"):
    """An exception that nobody expected: our own mistake. Nothing more follows."""

    message: str
    traceback: str


class Heartbeat(msgspec.Struct, frozen=True, tag_field="type", tag="heartbeat"):
    """The interpreter still runs.

    This is no sign of progress: a thread can send it while the main thread waits for a device that never
    answers. It does not postpone the timeout; it tells a wait for the device from a dead interpreter.
    """


class Finished(msgspec.Struct, frozen=True, tag_field="type", tag="finished"):
    """The work is done and the record is saved. Nothing more follows."""


Event = StageStarted | Progress | StageFinished | RunStarted | Rejected | Crashed | Heartbeat | Finished

_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


def encode(event: Event) -> bytes:
    """One line, with its newline."""
    return msgspec.json.encode(event) + b"\n"


def decode(line: bytes) -> Event:
    """The event of one line. Raises msgspec.DecodeError for anything else."""
    return _decoder.decode(line)
