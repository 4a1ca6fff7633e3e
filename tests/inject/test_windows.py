"""When a stream was being captured, and by which mode a call is judged."""

from dataclasses import replace

import pytest

from imp_graphcheck.inject.trace_file import TracedCall
from imp_graphcheck.inject.windows import (
    Relation,
    Window,
    find_windows,
    mode_for,
    place_in,
    with_open_windows,
)
from tests.inject.traces import GLOBAL, OTHER_STREAM, RELAXED, STREAM, THREAD_LOCAL, Story


def placed(story: Story, call: TracedCall) -> tuple[Relation, Window | None, list[Window]]:
    windows = find_windows(story.trace.calls)
    for each, open_ones in with_open_windows(story.trace.calls, windows):
        if each is call:
            return (*place_in(call, open_ones), open_ones)
    raise AssertionError("the call is not in the trace")


def test_a_call_on_the_captured_stream_is_captured() -> None:
    story = Story()
    story.begin()
    call = story.call("cudaMemcpyAsync_v3020", stream=STREAM)
    story.end()

    relation, window, _ = placed(story, call)
    assert relation == "captured"
    assert window is not None
    assert (window.mode, window.thread, window.end) == ("global", 1, story.trace.calls[-1])


def test_the_capturing_threads_other_calls_are_of_the_region() -> None:
    story = Story()
    story.begin()
    on_another = story.call("cudaMemcpyAsync_v3020", stream=OTHER_STREAM)
    on_none = story.call("cudaMalloc_v3020")
    story.end()

    assert placed(story, on_another)[0] == placed(story, on_none)[0] == "region"


def test_a_broken_capture_has_no_number_and_is_known_by_its_stream() -> None:
    story = Story()
    story.begin()
    story.open_ids[STREAM] = 0
    call = story.call("cudaMemcpyAsync_v3020", stream=STREAM, result=901)
    story.trace.calls[-1] = call = replace(call, status_before=2)
    story.end()

    assert placed(story, call)[0] == "captured"


def test_before_and_after_are_apart_and_other_threads_are_beside() -> None:
    story = Story()
    before = story.call("cudaMalloc_v3020", result=2)
    story.begin()
    beside = story.call("cudaEventQuery_v3020", thread=2)
    story.end()
    after = story.call("cudaMalloc_v3020", result=2)

    assert [placed(story, call)[0] for call in (before, beside, after)] == ["apart", "beside", "apart"]


def test_a_capture_that_was_not_begun_is_none() -> None:
    story = Story()
    story.begin()
    story.trace.calls[-1] = replace(story.trace.calls[-1], result=401)
    call = story.call("cudaMalloc_v3020")

    assert find_windows(story.trace.calls) == []
    assert placed(story, call)[0] == "apart"


def test_an_end_from_the_wrong_thread_ends_nothing() -> None:
    story = Story()
    story.begin()
    story.call("cudaStreamEndCapture_v10000", thread=2, stream=STREAM, result=908, status_after=1)
    still = story.call("cudaMalloc_v3020")
    story.end()
    after = story.call("cudaMalloc_v3020", result=2)

    assert placed(story, still)[0] == "region"
    assert placed(story, after)[0] == "apart"
    (window,) = find_windows(story.trace.calls)
    assert [attempt.result for attempt in window.attempts] == [908, 0]


def test_a_capture_that_never_ended_is_open_to_the_end() -> None:
    story = Story()
    story.begin()
    call = story.call("cudaMalloc_v3020")

    assert placed(story, call)[0] == "region"
    assert find_windows(story.trace.calls)[0].end is None


def test_the_drivers_own_names_open_and_close_too() -> None:
    story = Story()
    story.call("cuStreamBeginCapture_v2_ptsz", stream=STREAM, mode=RELAXED)
    story.call("cuStreamEndCapture_ptsz", stream=STREAM)

    (window,) = find_windows(story.trace.calls)
    assert window.mode == "relaxed"
    assert window.end is not None


@pytest.mark.parametrize(
    ("own", "others", "thread_mode", "expected"),
    [
        (GLOBAL, None, GLOBAL, "global"),
        (THREAD_LOCAL, None, GLOBAL, "thread_local"),
        (RELAXED, None, GLOBAL, "relaxed"),
        (GLOBAL, None, RELAXED, "relaxed"),
        (GLOBAL, None, THREAD_LOCAL, "global"),
        (None, GLOBAL, GLOBAL, "global"),
        (None, GLOBAL, THREAD_LOCAL, None),
        (None, GLOBAL, RELAXED, None),
        (None, THREAD_LOCAL, GLOBAL, None),
        (None, RELAXED, GLOBAL, None),
        (RELAXED, GLOBAL, GLOBAL, "global"),
        (RELAXED, GLOBAL, THREAD_LOCAL, "relaxed"),
    ],
)
def test_which_mode_binds_a_thread(
    own: int | None, others: int | None, thread_mode: int, expected: str | None
) -> None:
    """As the documentation of cudaThreadExchangeStreamCaptureMode has it."""
    story = Story()
    if own is not None:
        story.begin(own)
    if others is not None:
        story.begin(others, thread=2, stream=OTHER_STREAM)
    call = story.call("cudaMalloc_v3020", thread_mode=thread_mode)

    assert mode_for(call, placed(story, call)[2]) == expected


def test_of_two_captures_a_call_belongs_to_that_of_its_stream() -> None:
    story = Story()
    story.begin(GLOBAL)
    story.begin(RELAXED, thread=2, stream=OTHER_STREAM)
    call = story.call("cudaMemcpyAsync_v3020", thread=1, stream=OTHER_STREAM)

    relation, window, _ = placed(story, call)
    assert relation == "captured"
    assert window is not None
    assert window.stream == OTHER_STREAM
