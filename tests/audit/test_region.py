"""Which of the traced calls belong to a pass through the region, and in what role."""

from typing import Any

from imp_graphcheck.audit.region import Region, first_failure, roles
from imp_graphcheck.device.traced_call import TracedCall

MAIN, DOG = "MainThread", "watchdog"


def call(name: str, stream: int = 1, thread: str = MAIN, **facts: Any) -> TracedCall:
    return TracedCall(name=name, stream=stream, thread=thread, **facts)


def region(first: int, last: int, phase: Any = "eager") -> Region:
    return Region(phase=phase, key="k", step=0, first=first, last=last, thread=MAIN, stream=1)


def test_an_event_is_work_of_the_region_if_it_was_recorded_there() -> None:
    calls = [
        call("cudaEventRecord", event=5),
        call("cudaEventQuery", event=5),
        call("cudaEventQuery", event=6, thread=DOG),
        call("cudaEventRecord", event=6),
        call("cudaEventSynchronize", event=6),
        call("cudaStreamSynchronize"),
        call("cudaStreamSynchronize", stream=9),
    ]
    found = roles(region(1, 7), calls)
    assert 0 not in found
    assert [found[index].captured_work for index in (1, 2, 4, 5, 6)] == [False, False, True, True, False]
    assert [found[index].other_thread for index in (1, 2)] == [False, True]


def test_a_forked_stream_is_part_of_the_region() -> None:
    calls = [
        call("cudaStreamSynchronize", stream=2),
        call("cudaEventRecord", event=5),
        call("cudaStreamWaitEvent", stream=2, event=5),
        call("cudaStreamSynchronize", stream=2),
        call("cudaStreamSynchronize", stream=2, thread="autograd"),
    ]
    found = roles(region(0, 5), calls)
    assert [found[index].captured_work for index in (0, 3, 4)] == [False, True, True]
    assert not found[4].other_thread, "it works on the captured stream"


def test_a_capture_is_disturbed_from_its_begin_to_its_end() -> None:
    calls = [
        call("cudaEventQuery", thread=DOG, stream=0),
        call("cudaStreamBeginCapture"),
        call("cudaEventQuery", thread=DOG, stream=0, result=900),
        call("cudaMemsetAsync", capturing=True, result=901),
        call("cudaEventQuery", thread=DOG, stream=0, result=900),
        call("cudaStreamEndCapture", result=901),
        call("cudaEventQuery", thread=DOG, stream=0),
    ]
    captured = region(3, 4, "capture")
    assert sorted(roles(captured, calls)) == [2, 3, 4]
    assert first_failure(captured, calls) is calls[2]
    assert sorted(roles(region(3, 4), calls)) == [3], "an eager pass ends where it ends"


def test_an_answer_is_no_failure() -> None:
    assert first_failure(region(0, 1, "capture"), [call("cudaEventQuery", result=600)]) is None


def test_what_a_stream_outside_is_given_escapes_the_capture() -> None:
    calls = [
        call("cudaStreamBeginCapture"),
        call("cudaMemcpyAsync", stream=3),
        call("cudaMemcpyAsync", stream=1, capturing=True),
        call("cudaEventRecord", stream=3, event=1),
        call("cudaStreamEndCapture"),
    ]
    found = roles(region(1, 4, "capture"), calls)
    assert [found[index].escaped for index in (1, 2, 3)] == [True, False, False]
