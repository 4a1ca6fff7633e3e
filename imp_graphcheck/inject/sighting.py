"""One call, or several like each other, with all that decides what they mean for a capture."""

from collections.abc import Sequence
from dataclasses import dataclass

from imp_graphcheck.apis import ApiCall, Judgement, judge
from imp_graphcheck.apis.verdict import CaptureMode, refusals
from imp_graphcheck.inject.results import describe_result, is_refusal
from imp_graphcheck.inject.trace_file import Details
from imp_graphcheck.inject.windows import Relation
from imp_graphcheck.record.audit import CallClass, HostMemory

_WAYS: dict[int, CallClass] = {1: "h2d", 2: "d2h", 3: "d2d", 4: "h2d"}
_PAGEABLE, _PINNED = 1, 2
_ON_HOST = (_PAGEABLE, _PINNED)
_MEMORY: dict[int, HostMemory] = {_PAGEABLE: "pageable", _PINNED: "pinned"}
_STREAMS = {0: "default", 1: "default", 2: "default of the thread"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """`results` are those of the call itself and of the calls beneath it that failed."""

    api: ApiCall
    kind: CallClass
    relation: Relation
    mode: CaptureMode | None
    window_mode: CaptureMode | None
    count: int
    bytes: int
    host: HostMemory | None
    stream: str
    thread: str
    results: tuple[int, ...] = ()

    @property
    def touches_capture(self) -> bool:
        return self.relation in ("captured", "region") or any(map(is_refusal, self.results))


def kind_of(api: ApiCall, details: Details) -> CallClass:
    """Which way a copy goes: by its arguments, else by the memory that its addresses are in."""
    if api.kind is not None:
        return api.kind
    if details.direction in _WAYS:
        return _WAYS[details.direction]
    if details.source_memory in _ON_HOST:
        return "h2d"
    return "d2h" if details.target_memory in _ON_HOST else "d2d"


def host_of(kind: CallClass, details: Details) -> HostMemory | None:
    """The memory of the end that is on the host. Managed memory is on no side."""
    if kind not in ("h2d", "d2h"):
        return None
    return _MEMORY.get(details.source_memory if kind == "h2d" else details.target_memory)


def name_stream(api: ApiCall, stream: int) -> str:
    if api.stream_argument is None and stream == 0:
        return ""
    return _STREAMS.get(stream, f"{stream:#x}")


def judge_sighting(seen: Sighting) -> Judgement:
    """The catalogue says what a call does to a capture in general; what it answered here has the last word.

    Outside of captures every call is harmless: the same line may be an upload in a warm-up, the creation of a handle
    where it belongs, or the wait after a replay. What can still disturb a capture from outside is a call of another
    thread while a capture is open, and the driver says so itself by refusing it. (Freeing what a graph points at, from
    outside, does not touch the capture: that is what `capture` and `bisect` look for.)
    """
    refused = next(filter(is_refusal, seen.results), None)
    if seen.relation == "apart":
        return _harmless("no stream was being captured", refusals(seen.api))
    if seen.relation == "beside":
        return _judge_beside(seen, refused)
    judged = judge(seen.api, seen.kind, host=seen.host, mode=seen.mode or seen.window_mode or "relaxed")
    if refused is not None and judged.fate != "forbidden":
        return _forbidden(judged, f"it answered {describe_result(refused)}", judged.code)
    if judged.fate == "forbidden" and refused is None and _all_passed(seen.results):
        return Judgement(
            fate="capture only",
            code=judged.code,
            reason="it was let pass, because what it is about was not captured: it happened at the capture, and at no replay",
            remedy=judged.remedy,
            modes=judged.modes,
        )
    # An order between streams does no work by itself, and may be what makes the stream join the capture.
    is_work = seen.api.in_capture == "recorded" and seen.kind != "xstream"
    if seen.relation == "region" and is_work and refused is None:
        return Judgement(
            fate="capture only",
            code="GC106",
            reason="its stream does not belong to the capture: it ran at the capture, and no replay repeats it",
            remedy="use the captured stream, or fork this one from it (cudaEventRecord, cudaStreamWaitEvent)",
            modes=judged.modes,
        )
    return judged


def _judge_beside(seen: Sighting, refused: int | None) -> Judgement:
    modes = refusals(seen.api)
    if refused is None:
        return _harmless(
            "made by another thread while a stream was being captured, which it did not touch", modes
        )
    return Judgement(
        fate="forbidden",
        code="GC107",
        reason=f"made by another thread while a stream was being captured in {seen.window_mode} mode: "
        f"it answered {describe_result(refused)}",
        remedy="capture in thread_local mode, or keep the other thread still meanwhile",
        modes=modes,
    )


def _harmless(reason: str, modes: dict[str, str]) -> Judgement:
    return Judgement(fate="harmless", code=None, reason=reason, remedy="", modes=modes)


def _forbidden(judged: Judgement, reason: str, code: str | None) -> Judgement:
    return Judgement(
        fate="forbidden", code=code or "GC109", reason=reason, remedy=judged.remedy, modes=judged.modes
    )


def _all_passed(results: Sequence[int]) -> bool:
    return bool(results) and all(result in (0, 600) for result in results)
