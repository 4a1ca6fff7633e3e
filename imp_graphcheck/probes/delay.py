"""The device held back, so that the host is certainly ahead of it: GC403.

A copy from pinned memory reads the host's bytes when its turn comes. Where the next call is prepared in the same buffer
before that, it is the next call's bytes that arrive. Whether this happens is mostly luck; here the device stands still
while the next call is prepared.
"""

import time
from dataclasses import dataclass
from typing import Any

import torch

from imp_graphcheck.capture.answer import compared
from imp_graphcheck.capture.outputs import tensors_of, to_host
from imp_graphcheck.capture.session import Answers, Session
from imp_graphcheck.checks.numbers import judged
from imp_graphcheck.device.operator_mode import OperatorMode
from imp_graphcheck.device.stack import site_of, take_stack
from imp_graphcheck.probes.arm import Arm
from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.probe import ProbeResult
from imp_graphcheck.record.site import Site
from imp_graphcheck.rules import RULES
from imp_graphcheck.target import Call

CYCLES = 100_000_000
"""How long the device stands still: about 50 ms on a card of 2 GHz, longer than any host needs to prepare a call."""


def delay(
    session: Session, answers: Answers, *, eagerly: bool = False
) -> tuple[list[ProbeResult], list[Finding]]:
    """The whole workload without ever waiting for the device, which is held back before every call; against the same
    replays without delay, `answers`, or `eagerly` against eager's, where the replays are wrong for another reason.

    A program whose host waits for its copies (an event, a second buffer) is as right as before.
    """
    uploads = Uploads(session.device.module)
    arm = Arm()
    started = time.perf_counter()
    try:
        session.restore()
        session.device.synchronize()
        queued = [(call, _queued(session, call, uploads, eagerly)) for call in session.calls]
        session.device.synchronize()
        arm.comparisons = judged(
            [
                compared(session, call, 0, answers.outputs[call.index], to_host(output), True, None)
                for call, output in queued
            ]
        )
        arm.states = session.compare_state(answers.state, sweep=0) if answers.state else ()
    except Exception as error:  # noqa: BLE001 - whatever the program raises is the result
        arm.error, arm.failed_at = error, session.calls[0]
        arm.dead = session.dead = session.is_dead(error)
    arm.seconds = time.perf_counter() - started
    how = "; eager calls, since the replays are wrong without it" if eagerly else ""
    result = arm.result("delay", f"the host runs ahead: the device stands still before every call{how}")
    if arm.outcome != "wrong" or (eagerly and not uploads.rewritten):
        # Eager calls may be wrong under delay for another reason, such as a stream that waits for nobody.
        return [result], []
    return [result], [_finding(uploads.rewritten, arm)]


def _queued(session: Session, call: Call, uploads: "Uploads", eagerly: bool) -> tuple[torch.Tensor, ...]:
    """The output of `call`, copied in stream order; nothing of it need have run when this returns."""
    program, runner = session.program, session.program.runner
    session.device.module._sleep(CYCLES)
    with uploads:
        program.prepare(call)
    if eagerly:
        with uploads:
            live = program.forward(call)
    else:
        closed = call.closed or session.closed.get(call.key)
        live = program.forward(call) if closed else runner.run(call.key, lambda: program.forward(call))
    copies = tuple(tensor.clone() for tensor in tensors_of(live))
    program.between(call)
    return copies


@dataclass(frozen=True, slots=True)
class _Upload:
    site: Site | None
    content: bytes
    copied: Any
    """The event behind the copy."""


class Uploads(OperatorMode):
    """Notes the lines that copy from pinned memory, and which of these sources were written again too early.

    `module` is torch's own of the device type; its events tell whether a copy has run.
    """

    def __init__(self, module: Any) -> None:
        super().__init__()
        self._module = module
        self._last: dict[int, _Upload] = {}
        self.rewritten: list[Site] = []

    def see(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        source = None
        if func in _COPIES:
            source = args[1] if func is torch.ops.aten.copy_.default else args[0]
            if source.device.type != "cpu" or not source.numel() or not source.is_pinned():
                source = None
        upload = None if source is None else self._noted(source)
        result = func(*args, **kwargs)
        if upload is not None:
            upload.copied.record()
        return result

    def _noted(self, source: torch.Tensor) -> _Upload:
        content = source.detach().contiguous().view(-1).view(torch.uint8).numpy().tobytes()
        before = self._last.get(source.data_ptr())
        if before is not None and before.content != content and not before.copied.query():
            self._blame(before.site)
        upload = _Upload(site_of(take_stack()), content, self._module.Event())
        self._last[source.data_ptr()] = upload
        return upload

    def _blame(self, site: Site | None) -> None:
        if site is not None and site not in self.rewritten:
            self.rewritten.append(site)


_COPIES = (torch.ops.aten.copy_.default, torch.ops.aten._to_copy.default)


def _finding(sites: list[Site], arm: Arm) -> Finding:
    others = (
        f"; so are those at {', '.join(f'{site.file}:{site.line}' for site in sites[1:])}"
        if sites[1:]
        else ""
    )
    state = f" and {len(arm.changed_state)} state tensors differ" if arm.changed_state else ""
    return Finding(
        code="GC403",
        severity="error",
        confidence="confirmed",
        message=f"with the device behind the host, {len(arm.wrong)} of {len(arm.comparisons)} calls answer otherwise{state}: the "
        f"pinned source of a copy is written again before the copy has run{others}",
        remedy=RULES["GC403"].remedy,
        launch_site=sites[0] if sites else None,
    )
