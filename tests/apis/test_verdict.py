"""What becomes of a call in a capture, as it was seen on a card: tests/device/sim/test_capture.py has the same table."""

import pytest

from imp_graphcheck.apis import CALLS, judge
from imp_graphcheck.apis.torch_manners import TORCH_ALLOCATOR, TORCH_COPIES
from imp_graphcheck.apis.verdict import MODES, refusals

WAITS_FOR_ALL = ("cudaDeviceSynchronize",)
ASKS_ABOUT_A_STREAM = ("cudaStreamQuery", "cudaStreamSynchronize", "cudaEventQuery", "cudaEventSynchronize")


def modes_of(name: str, *, captured_work: bool, other_thread: bool) -> tuple[str, ...]:
    return tuple(refusals(CALLS[name], captured_work=captured_work, other_thread=other_thread))


@pytest.mark.parametrize("name", ASKS_ABOUT_A_STREAM)
def test_what_is_not_captured_may_be_asked_about_in_relaxed_mode(name: str) -> None:
    assert modes_of(name, captured_work=False, other_thread=False) == ("global", "thread_local")
    assert modes_of(name, captured_work=False, other_thread=True) == ("global",)
    assert set(refusals(CALLS[name], captured_work=False).values()) == {
        "900 cudaErrorStreamCaptureUnsupported"
    }


@pytest.mark.parametrize("name", [*WAITS_FOR_ALL, *ASKS_ABOUT_A_STREAM])
@pytest.mark.parametrize("other_thread", [False, True])
def test_what_is_captured_may_never_be_waited_for(name: str, other_thread: bool) -> None:
    assert modes_of(name, captured_work=True, other_thread=other_thread) == MODES


def test_the_device_is_waited_for_whatever_stream_captures() -> None:
    assert modes_of("cudaDeviceSynchronize", captured_work=False, other_thread=True) == MODES


def test_another_thread_disturbs_global_captures_only() -> None:
    query, malloc = CALLS["cudaEventQuery"], CALLS["cudaMalloc"]
    for call, kind in ((query, "query"), (malloc, "alloc")):
        found = judge(call, kind, captured_work=False, other_thread=True, caller=TORCH_ALLOCATOR)  # type: ignore[arg-type]
        assert (found.fate, found.code, list(found.modes)) == ("forbidden", "GC107", ["global"])
        local = judge(call, kind, mode="thread_local", captured_work=False, other_thread=True)  # type: ignore[arg-type]
        assert (local.fate, local.code) == ("harmless", None)


def test_torch_refuses_pageable_copies_and_the_driver_does_not() -> None:
    copy = CALLS["cudaMemcpyAsync"]
    by_torch = judge(copy, "h2d", host="pageable", caller=TORCH_COPIES)
    assert (by_torch.fate, by_torch.code, tuple(by_torch.modes)) == ("forbidden", "GC105", MODES)
    assert judge(copy, "d2h", host="pageable", caller=TORCH_COPIES).code == "GC102"
    by_itself = judge(copy, "h2d", host="pageable", caller="libengine.so")
    assert (by_itself.fate, by_itself.modes) == ("rereads host", {})
    assert judge(copy, "h2d", host="pinned", caller=TORCH_COPIES, content_changes=False).fate == "fixed"
    assert judge(copy, "h2d", host="pinned", caller=TORCH_COPIES, content_changes=None).fate == "rereads host"


def test_the_allocators_of_torch_relax_the_mode() -> None:
    assert judge(CALLS["cudaMalloc"], "alloc", caller=TORCH_ALLOCATOR).fate == "harmless"
    assert judge(CALLS["cudaMalloc"], "alloc", caller="libengine.so").fate == "forbidden"
    pinned = judge(CALLS["cudaHostAlloc"], "alloc", caller=TORCH_COPIES)
    assert (pinned.fate, pinned.code, pinned.modes) == ("capture only", "GC103", {})
    assert judge(CALLS["cudaFree"], "free", caller=TORCH_ALLOCATOR).fate == "harmless"
    # torch.cuda.synchronize() is in the same library as the allocator, and is refused.
    assert judge(CALLS["cudaDeviceSynchronize"], "sync", caller=TORCH_ALLOCATOR).fate == "forbidden"


def test_events_are_made_at_the_capture_and_meant_to_be() -> None:
    assert judge(CALLS["cudaEventCreateWithFlags"], "handle").fate == "harmless"
    assert judge(CALLS["cudaStreamCreate"], "handle").fate == "capture only"


@pytest.mark.parametrize("name", ["cudaMemcpy", "cudaMemset", "cuMemcpyDtoD"])
def test_what_goes_through_the_legacy_stream_minds_the_stream_and_not_the_mode(name: str) -> None:
    call = CALLS[name]
    assert refusals(call) == dict.fromkeys(MODES, "906 cudaErrorStreamCaptureImplicit")
    assert refusals(call, blocking=False) == {}
    for mode in MODES:
        assert judge(call, "d2d", mode=mode).fate == "forbidden"
        let_pass = judge(call, "d2d", mode=mode, blocking=False)
        assert (let_pass.fate, let_pass.reason) == (
            "capture only",
            "the captured stream does not wait for the legacy one: it happens at the capture, and at no replay",
        )


def test_elapsed_times_are_asked_about_work_that_is_not_captured() -> None:
    call = CALLS["cudaEventElapsedTime"]
    assert set(refusals(call).values()) == {"907 cudaErrorCapturedEvent"}
    assert refusals(call, captured_work=False) == refusals(call, captured_work=False, other_thread=True) == {}


def test_modules_are_loaded_lazily_and_address_space_is_nobodys() -> None:
    for name, kind, code in (
        ("cuModuleLoadData", "handle", "GC104"),
        ("cublasLtCreate", "handle", "GC104"),
        ("cuMemAddressReserve", "alloc", "GC103"),
    ):
        found = judge(CALLS[name], kind)  # type: ignore[arg-type]
        assert (found.fate, found.code, found.modes) == ("capture only", code, {})
    assert judge(CALLS["cublasCreate"], "handle").fate == "forbidden"
