"""What becomes of one call in a captured region, and what to do about it."""

from dataclasses import dataclass
from typing import Literal

from imp_graphcheck.apis.call import ApiCall
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
) -> Judgement:
    """`kind` is the way a copy goes, where the name alone does not say it. `content_changes` is whether the host memory
    held something else at the next step; None where nobody knows.
    """
    modes = refusals(call)
    if mode in modes:
        return Judgement(
            fate="forbidden", code=_code(kind), reason=_why_refused(call), remedy=_remedy(kind), modes=modes
        )
    if call.in_capture in ("unsafe", "legacy"):
        return Judgement(
            fate="capture only",
            code=_code(kind),
            reason=f"{mode} mode lets it pass: it happens at the capture, and at no replay",
            remedy=_remedy(kind),
            modes=modes,
        )
    if call.in_capture == "at once":
        return Judgement(
            fate="capture only",
            code="GC104",
            reason="it is made at the capture, and at no replay",
            remedy=_remedy(kind),
            modes=modes,
        )
    return _recorded(kind, host, content_changes, modes)


def refusals(call: ApiCall) -> dict[str, str]:
    """The error of each capture mode that refuses the call."""
    match call.in_capture:
        case "waits":
            error = CAPTURED_EVENT if "Event" in call.name else UNSUPPORTED
            return dict.fromkeys(MODES, error)
        case "never":
            return dict.fromkeys(MODES, UNSUPPORTED)
        case "unsafe":
            return dict.fromkeys(("global", "thread_local"), UNSUPPORTED)
        case "legacy":
            return dict.fromkeys(("global", "thread_local"), IMPLICIT)
        case "recorded" | "at once":
            return {}


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


def _why_refused(call: ApiCall) -> str:
    return {
        "waits": "it waits for work, or asks for its end, that is only being recorded",
        "unsafe": "it may wait for the device, so a capture forbids it unless its mode is relaxed",
        "legacy": "it goes through the legacy stream, which waits for the captured one",
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
