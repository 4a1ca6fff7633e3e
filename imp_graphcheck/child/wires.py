"""What connects a parent and its child: a pipe for events, one for what it prints, and a file for its stacks."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import IO

from imp_graphcheck.child.log import pumped
from imp_graphcheck.child.scratch import scratch_file


@dataclass(frozen=True, slots=True, kw_only=True)
class Wires:
    """`events` is the parent's; `send_events` and `printed` are the child's; both have `stacks` open."""

    events: IO[bytes]
    send_events: IO[bytes]
    printed: IO[bytes]
    stacks: IO[bytes]

    def hand_over(self) -> None:
        """Close the child's ends here, so that its end is the end of what is read."""
        self.send_events.close()
        self.printed.close()


@contextmanager
def open_wires(log: IO[bytes]) -> Iterator[Wires]:
    """Wires for one child, until the end of the block; what it prints ends up in `log`."""
    with ExitStack() as stack:
        printed = stack.enter_context(pumped(log))
        stacks = stack.enter_context(scratch_file())
        read_end, write_end = os.pipe()
        yield Wires(
            events=stack.enter_context(os.fdopen(read_end, "rb", buffering=0)),
            send_events=stack.enter_context(os.fdopen(write_end, "wb", buffering=0)),
            printed=printed,
            stacks=stacks,
        )
