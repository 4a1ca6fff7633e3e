"""Both sides speak the same language."""

import msgspec
import pytest

from imp_graphcheck.child.events import (
    Crashed,
    Event,
    Finished,
    Heartbeat,
    Progress,
    Rejected,
    RunStarted,
    StageFinished,
    StageStarted,
    decode,
    encode,
)
from imp_graphcheck.record.run import Stage

EVERY_EVENT: list[tuple[Event, bytes]] = [
    (StageStarted("eager", 12), b'{"type":"stage_started","name":"eager","total":12,"patience":null}\n'),
    (
        StageStarted("replay", 2, 60.0),
        b'{"type":"stage_started","name":"replay","total":2,"patience":60.0}\n',
    ),
    (StageStarted("load"), b'{"type":"stage_started","name":"load","total":null,"patience":null}\n'),
    (Progress(3), b'{"type":"progress","done":3}\n'),
    (
        StageFinished(Stage(name="load", status="ok", seconds=1.0)),
        b'{"type":"stage_finished","stage":{"name":"load","status":"ok","seconds":1.0,"detail":""}}\n',
    ),
    (RunStarted("runs/1"), b'{"type":"run","directory":"runs/1"}\n'),
    (Rejected("no.", "yes"), b'{"type":"rejected","message":"no.","hint":"yes"}\n'),
    (Crashed("oh", "line\n1"), b'{"type":"crashed","message":"oh","traceback":"line\\n1"}\n'),
    (Heartbeat(), b'{"type":"heartbeat"}\n'),
    (Finished(), b'{"type":"finished"}\n'),
]


@pytest.mark.parametrize(
    ("event", "line"), EVERY_EVENT, ids=[type(event).__name__ for event, _ in EVERY_EVENT]
)
def test_an_event_is_one_line_and_comes_back(event: Event, line: bytes) -> None:
    assert encode(event) == line
    assert decode(line) == event


@pytest.mark.parametrize(
    "line", [b"", b"hello", b"{}", b'{"type":"unheard_of"}', b'{"type":"progress","done":"x"}']
)
def test_anything_else_is_refused(line: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode(line)
