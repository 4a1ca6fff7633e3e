"""The parent's side: start a child, listen, and leave nothing behind, however it ends."""

import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO

from imp_graphcheck.child.ending import Died, Ending
from imp_graphcheck.child.events import Event
from imp_graphcheck.child.listener import Listener, OnEvent
from imp_graphcheck.child.start import Process, Request, spawn
from imp_graphcheck.child.template import Template
from imp_graphcheck.child.wires import open_wires

__all__ = ["OnEvent", "run_child"]


def run_child(
    arguments: Sequence[str],
    settings: Mapping[str, object],
    *,
    on_event: OnEvent,
    timeout: float,
    log: IO[bytes],
    environment: Mapping[str, str] | None = None,
    template: Template | None = None,
    startup_timeout: float | None = None,
) -> Ending:
    """Run `python ARGUMENTS` with `settings` as a JSON document on its stdin, until it has ended.

    The document also carries what `open_channel` reads in the child. `on_event` is called with every event, on the
    calling thread. What the child prints goes to `log`, of endless output the beginning and the end. A child that
    makes no progress for `timeout` seconds (`startup_timeout` before its first event, if given) is asked where it is and
    killed. The child leads a process group of its
    own, which is gone when this returns or raises.

    With a `template`, the child is forked from it if it can be; all of the above holds all the same.
    """
    request = Request(arguments=arguments, settings=settings, environment=environment)
    heard = False

    def hear(event: Event) -> None:
        nonlocal heard
        heard = True
        on_event(event)

    with open_wires(log) as wires:
        process = template.fork(request, wires, timeout) if template is not None else None
        with _reaped(process or spawn(request, wires)) as child:
            wires.hand_over()
            ending = Listener(child, wires, hear, timeout, startup_timeout).listen()
    if child.lost and not heard and isinstance(ending, Died):
        # It did not get to do anything, so nothing is done twice.
        return run_child(
            arguments,
            settings,
            on_event=on_event,
            timeout=timeout,
            log=log,
            environment=environment,
            startup_timeout=startup_timeout,
        )
    return ending


@contextmanager
def _reaped(process: Process) -> Iterator[Process]:
    """Kill the child's whole group at the end of the block, and wait for the child."""
    try:
        yield process
    finally:
        process.signal_group(signal.SIGKILL)
        process.wait()
