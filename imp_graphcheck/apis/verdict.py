"""What becomes of one call in a captured region, and what to do about it."""

from dataclasses import dataclass
from typing import Literal

from imp_graphcheck.apis.call import ApiCall
from imp_graphcheck.apis.torch_manners import Manner, torch_manner
from imp_graphcheck.record.audit import CallClass, Fate, HostMemory

CaptureMode = Literal["global", "thread_local", "relaxed"]
MODES: tuple[CaptureMode, ...] = ("global", "thread_local", "relaxed")

UNSUPPORTED = "900 cudaErrorStreamCaptureUnsupported"
IMPLICIT = "906 cudaErrorStreamCaptureImplicit"
CAPTURED_EVENT = "907 cudaErrorCapturedEvent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """`modes` names the error in each capture mode that refuses the call."""

    fate: Fate
    code: str | None
    reason: str
    remedy: str
    modes: dict[str, str]


def judge(
    call: ApiCall,
    kind: CallClass,
    *,
    host: HostMemory | None = None,
    content_changes: bool | None = None,
    mode: CaptureMode = "global",
    caller: str = "",
    captured_work: bool = True,
    other_thread: bool = False,
    blocking: bool | None = None,
) -> Judgement:
    """`kind` is the way a copy goes, where the name alone does not say it. `content_changes` is whether the host memory
    held something else at the next step; None where nobody knows. `caller` is the library that makes the call.
    `captured_work`: what it waits for or asks about is being captured. `other_thread`: it is made beside the capture, by a
    thread that takes no part in it. `blocking`: the captured stream orders itself with the legacy stream; None where nobody
    knows, which is taken for yes.
    """
    manner = torch_manner(call, kind, host, caller)
    if manner is not None and not other_thread:
        return _as_torch_does(kind, manner)
    modes = refusals(
        call, captured_work=captured_work, other_thread=other_thread, blocking=blocking is not False
    )
    if other_thread and mode not in modes:
        return Judgement(
            fate="harmless",
            code=None,
            reason=f"another thread makes it, on a stream that is not captured, and {mode} mode lets it pass",
            remedy="",
            modes=modes,
        )
    if mode in modes and other_thread:
        return Judgement(
            fate="forbidden",
            code="GC107",
            reason=f"{mode} mode forbids it to every thread of the process",
            remedy="let the thread rest during captures, or capture in thread_local mode",
            modes=modes,
        )
    if mode in modes:
        return Judgement(
            fate="forbidden", code=_code(kind), reason=_why_refused(call), remedy=_remedy(kind), modes=modes
        )
    if call.in_capture in ("unsafe", "legacy", "waits", "asks", "never"):
        return Judgement(
            fate="capture only",
            code=_code(kind),
            reason=f"{_why_let_pass(call, mode)}: it happens at the capture, and at no replay",
            remedy=_remedy(kind),
            modes=modes,
        )
    if call.in_capture == "at once" and "Event" in call.name:
        return Judgement(
            fate="harmless",
            code=None,
            reason="the event is made at the capture; what it orders is recorded as edges",
            remedy="",
            modes=modes,
        )
    if call.in_capture == "at once":
        return Judgement(
            fate="capture only",
            code=_code(kind),
            reason="it is made at the capture, and at no replay",
            remedy=_remedy(kind),
            modes=modes,
        )
    return _recorded(kind, host, content_changes, modes)


def refusals(
    call: ApiCall, *, captured_work: bool = True, other_thread: bool = False, blocking: bool = True
) -> dict[str, str]:
    """The error of each capture mode that refuses the call. See `judge` for the circumstances."""
    forbidding = MODES[:1] if other_thread else MODES[:2]
    match call.in_capture:
        case "waits" if captured_work or ("Event" not in call.name and "Stream" not in call.name):
            error = CAPTURED_EVENT if "Event" in call.name else UNSUPPORTED
            return dict.fromkeys(MODES, error)
        case "asks":
            return dict.fromkeys(MODES, CAPTURED_EVENT) if captured_work else {}
        case "never":
            return dict.fromkeys(MODES, UNSUPPORTED) if captured_work else {}
        case "waits" | "unsafe":
            return dict.fromkeys(forbidding, UNSUPPORTED)
        case "legacy":
            return dict.fromkeys(MODES, IMPLICIT) if blocking else {}
        case "recorded" | "at once":
            return {}


def _as_torch_does(kind: CallClass, manner: Manner) -> Judgement:
    if manner.refusal:
        return Judgement(
            fate="forbidden",
            code=_code(kind),
            reason="torch refuses it before the driver is asked: " + manner.reason,
            remedy=_remedy(kind),
            modes=dict.fromkeys(MODES, manner.refusal),
        )
    is_harmless = manner.fate == "harmless"
    return Judgement(
        fate=manner.fate,
        code=None if is_harmless else _code(kind),
        reason=manner.reason,
        remedy="" if is_harmless else _remedy(kind),
        modes={},
    )


def _recorded(
    kind: CallClass, host: HostMemory | None, content_changes: bool | None, modes: dict[str, str]
) -> Judgement:
    if kind in ("h2d", "d2h"):
        return _host_copy(kind, host, content_changes, modes)
    if kind == "callback":
        return Judgement(
            fate="rereads host",
            code=None,
            reason="every replay calls the function again, with the same pointer to its data",
            remedy="keep what the pointer leads to alive as long as the graph",
            modes=modes,
        )
    if kind in ("xstream",):
        return Judgement(
            fate="harmless",
            code=None,
            reason="it becomes an edge of the graph, if both streams belong to the capture",
            remedy="",
            modes=modes,
        )
    reason = {
        "alloc": "it becomes a node: the memory belongs to the graph, at the same address at every replay",
        "free": "it becomes a node",
    }.get(kind, "every replay does the same with the same addresses")
    return Judgement(fate="fixed", code=None, reason=reason, remedy="", modes=modes)


def _host_copy(
    kind: CallClass, host: HostMemory | None, content_changes: bool | None, modes: dict[str, str]
) -> Judgement:
    if kind == "h2d" and host == "pinned" and content_changes is False:
        return Judgement(
            fate="fixed",
            code=None,
            reason="every replay copies from the same pinned memory, whose content did not change from step to step",
            remedy="",
            modes=modes,
        )
    if kind == "h2d":
        return Judgement(
            fate="rereads host",
            code="GC206" if host == "pinned" else "GC105",
            reason=(
                "every replay reads the host address again"
                + (", whose content was another one at the next step" if content_changes else "")
            ),
            remedy="copy into a static device buffer before the replay, or from pinned memory that lives as long as the graph",
            modes=modes,
        )
    return Judgement(
        fate="rereads host",
        code="GC102",
        reason="every replay writes the host address again; at the capture nothing arrives there",
        remedy="leave the result on the device, or copy it after the replay",
        modes=modes,
    )


def _code(kind: CallClass) -> str:
    match kind:
        case "sync" | "query":
            return "GC101"
        case "d2h":
            return "GC102"
        case "h2d":
            return "GC105"
        case "alloc" | "free":
            return "GC103"
        case "handle":
            return "GC104"
        case "memset" | "d2d" | "xstream" | "callback":
            return "GC109"


def _why_let_pass(call: ApiCall, mode: CaptureMode) -> str:
    match call.in_capture:
        case "legacy":
            return "the captured stream does not wait for the legacy one"
        case "asks" | "never":
            return "what it is about is not captured"
        case _:
            return f"{mode} mode lets it pass"


def _why_refused(call: ApiCall) -> str:
    return {
        "asks": "it asks about work that is only being recorded",
        "waits": "it waits for work, or asks for its end, that is only being recorded",
        "unsafe": "it may wait for the device, so a capture forbids it unless its mode is relaxed",
        "legacy": "it goes through the legacy stream, for which a captured stream that was made without "
        "cudaStreamNonBlocking would have to wait; beside any other it happens at the capture, and at no replay",
        "never": "no capture records it",
    }[call.in_capture]


def _remedy(kind: CallClass) -> str:
    match kind:
        case "sync" | "query":
            return "move the wait out of the captured region"
        case "d2h":
            return "keep the value on the device, or read it after the replay"
        case "h2d":
            return "copy into a static device buffer before the replay"
        case "alloc" | "free":
            return "reserve the memory once, before the capture, for the largest call"
        case "handle":
            return "make it once before the capture, in the same thread"
        case "memset" | "d2d":
            return "use the asynchronous call, on the captured stream"
        case "xstream" | "callback":
            return "use cudaLaunchHostFunc, or move it out of the captured region"
