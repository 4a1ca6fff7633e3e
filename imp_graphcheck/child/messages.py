"""What is said between a parent and its template: one JSON object per packet."""

import msgspec


class Ready(msgspec.Struct, frozen=True, tag_field="type", tag="ready"):
    """Everything is imported. `problem` says why no child can be forked all the same."""

    problem: str = ""


class Fork(msgspec.Struct, frozen=True, tag_field="type", tag="fork"):
    """Fork a child. With it come files: a `Trial`, and the child's ends of its wires."""


class Forked(msgspec.Struct, frozen=True, tag_field="type", tag="forked"):
    """The child leads a group of its own and is tied to the template. No `pid`, but a problem, if there is none."""

    pid: int = 0
    problem: str = ""


class Reap(msgspec.Struct, frozen=True, tag_field="type", tag="reap"):
    """Wait for a child that has exited, or is about to."""

    pid: int


class Reaped(msgspec.Struct, frozen=True, tag_field="type", tag="reaped"):
    """How it ended, as subprocess counts it."""

    returncode: int


class Trial(msgspec.Struct, frozen=True):
    """What the forked child is to become. `environment` is what differs from the template's; None is unset."""

    arguments: tuple[str, ...]
    settings: msgspec.Raw
    environment: dict[str, str | None]


Message = Ready | Fork | Forked | Reap | Reaped

_decoder: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)

PACKET_BYTES = 1 << 16


def encode_message(message: Message) -> bytes:
    return msgspec.json.encode(message)


def decode_message(packet: bytes) -> Message:
    """Raises msgspec.DecodeError."""
    return _decoder.decode(packet)
