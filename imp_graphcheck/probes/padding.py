"""Other content in the padding of a call: real rows must not change (GC402).

Which elements are padding only the program knows; it says so in `padding(call)`. Any content that the real elements of
the same input may have is legal there, so the fillings are made of them.
"""

from functools import partial

import torch

from imp_graphcheck.capture.session import Answers, Session
from imp_graphcheck.probes.arm import Arm, run_arm
from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.probe import ProbeResult
from imp_graphcheck.record.run import CallComparison
from imp_graphcheck.rules import RULES
from imp_graphcheck.target import Call

FILLINGS = ("zeros", "what its front holds", "more than it holds anywhere")


def padding(
    session: Session, answers: Answers, *, eagerly: bool = False
) -> tuple[list[ProbeResult], list[Finding]]:
    """Each input's padding filled with each filling, against the same replays without. `answers` are the captured arm's.

    `eagerly`: eager calls instead, and eager's answers, where the replays are wrong for another reason.
    """
    names = dict.fromkeys(name for call in session.calls for name in session.program.padding(call))
    if not names:
        why = "the target names no padding: padding(call) would"
        return [ProbeResult(probe="padding", intervention=why, outcome="not tried")], []
    results, findings = [], []
    for name in names:
        for filling in FILLINGS:
            arm = run_arm(
                session,
                answers,
                answer=session.program.forward if eagerly else None,
                before=partial(_fill, session, name, filling),
            )
            told = f"padding of {name} filled with {filling}"
            if eagerly:
                told += "; eager calls, since the replays are wrong without it"
            beyond = _beyond_rounding(session, arm, answers)
            if beyond or arm.error is not None:
                results.append(arm.result("padding", told))
            else:
                results.append(_right(arm, told))
            if beyond:
                findings.append(_finding(arm, beyond, name, filling))
                break
            if session.dead:
                return results, findings
    return results, findings


def _fill(session: Session, name: str, filling: str, call: Call) -> None:
    padded = session.program.padding(call).get(name)
    if padded is None or not padded.numel():
        return
    whole = padded._base if padded._base is not None else padded
    with torch.no_grad():
        if filling == FILLINGS[0]:
            padded.zero_()
        elif filling == FILLINGS[1]:
            front = whole.reshape(-1)[: padded.numel()]
            repeats = -(-padded.numel() // front.numel())
            padded.copy_(front.clone().repeat(repeats)[: padded.numel()].view(padded.shape))
        else:
            largest = whole.max()
            # An integer may be an index: none beyond those that are there.
            padded.copy_(
                (largest.abs() * 8 + 1 if padded.is_floating_point() else largest).expand(padded.shape)
            )
    session.device.synchronize()


def _beyond_rounding(session: Session, arm: Arm, answers: Answers) -> list[CallComparison]:
    """The calls that differ by more than rounding does.

    Padded rows may legally change how rows are grouped (which of them go to one expert, say), and with it the order in
    which a real row is summed up.
    """
    compute = torch.finfo(getattr(torch, session.recorder.run.target.dtype or "float32")).eps

    def tolerated(call: CallComparison) -> float:
        floats = [
            tensor for tensor in answers.outputs[call.call] if tensor.is_floating_point() and tensor.numel()
        ]
        return max(
            (
                float(tensor.abs().nan_to_num().max()) * max(512 * torch.finfo(tensor.dtype).eps, 4 * compute)
                for tensor in floats
            ),
            default=0.0,
        )

    return [call for call in arm.wrong if call.max_abs_delta is None or call.max_abs_delta > tolerated(call)]


def _right(arm: Arm, told: str) -> ProbeResult:
    rounding = max((call.max_abs_delta or 0.0 for call in arm.wrong), default=0.0)
    detail = f"up to {rounding:.3g} by rounding" if rounding else ""
    return ProbeResult(
        probe="padding",
        intervention=told,
        outcome="right",
        calls=len(arm.comparisons),
        detail=detail,
        seconds=arm.seconds,
    )


def _finding(arm: Arm, wrong: list[CallComparison], name: str, filling: str) -> Finding:
    worst, first = max(call.max_abs_delta or 0.0 for call in wrong), wrong[0]
    return Finding(
        code="GC402",
        severity="error",
        confidence="confirmed",
        message=f"padding of {name} reaches real rows: filled with {filling}, {len(wrong)} of {len(arm.comparisons)} calls "
        f"answer otherwise, by up to {worst:.3g}, first at request {first.request}, {first.label}",
        remedy=RULES["GC402"].remedy,
        graph=first.key,
    )
