"""The library's writer, stacks and tallies, in a program without CUDA, and the reader of what they wrote."""

import signal
from collections import Counter
from pathlib import Path

import pytest

from imp_graphcheck.errors import UsageError
from imp_graphcheck.inject.symbols import symbolise
from imp_graphcheck.inject.trace_file import Details, Trace, TracedCall, read_trace
from tests.inject.conftest import RunTrial
from tests.inject.toolchain import written


def places(trace: Trace, stack: int) -> list[tuple[str, int]]:
    """Function and line of the frames of the trial program, innermost first."""
    frames = symbolise(trace, [stack]).frames[stack]
    return [
        (frame.function.rpartition("::")[2].partition("(")[0], frame.line)
        for frame in frames
        if frame.file.endswith("trial.cpp")
    ]


def test_every_field_arrives(run_trial: RunTrial) -> None:
    trace = run_trial("plain")

    (call,) = trace.calls
    assert call == TracedCall(
        begin_ns=1,
        end_ns=6,
        name="cudaMemcpyAsync_v3020",
        thread=1,
        stack=1,
        result=-7,
        inner_name="cudaEventQuery_v3020",
        inner_result=900,
        status_before=1,
        status_after=2,
        thread_mode=3,
        capture_id=11,
        details=Details(12, 13, 14, 15, direction=1, source_memory=1, target_memory=3, mode=2),
    )
    assert trace.header.problem == "a word about it"
    assert trace.header.cupti_result == 39
    assert trace.header.state == "starting"
    assert trace.header.executable.endswith("/trial")
    assert trace.threads[1].tid == trace.header.pid
    assert trace.threads[1].name == "trial"
    assert trace.damaged == 0


def test_a_stack_is_named_by_function_and_line(run_trial: RunTrial) -> None:
    trace = run_trial("plain")

    lines = written()
    found = places(trace, trace.calls[0].stack)
    assert found[0][0] == "write_call"
    assert found[1:3] == [("innermost", lines["innermost"]), ("middle", lines["middle"])]
    assert found[3][0] == "main"


def test_threads_lose_nothing_and_share_stacks(run_trial: RunTrial) -> None:
    trace = run_trial("threads")

    assert len(trace.calls) == 4 * 2000
    assert {call.begin_ns for call in trace.calls} == {t * 10000 + i for t in range(4) for i in range(2000)}
    assert set(Counter(call.thread for call in trace.calls).values()) == {2000}
    assert len({call.stack for call in trace.calls}) == 1, "one line, one stack"
    assert len(trace.threads) == 4
    assert sum(tally.count for tally in trace.tallies) == 4 * 2000
    assert trace.header.dropped_blocks == 0
    assert trace.damaged == 0


def test_a_stack_that_is_remembered_is_the_right_one(run_trial: RunTrial) -> None:
    """Two ways to the same depth, by turns: what is remembered of one must not pass for the other."""
    trace = run_trial("memo")

    lines = written()
    by_place = {places(trace, tally.stack)[1]: tally for tally in trace.tallies}
    assert set(by_place) == {("first_way", lines["first_way"]), ("second_way", lines["second_way"])}
    for tally in by_place.values():
        assert (tally.count, tally.bytes, tally.name) == (500, 5000, "cudaEventQuery_v3020")
        assert tally.details.bytes == 10
        assert tally.details.source_memory == 2
        assert tally.last_ns >= tally.first_ns > 0


def test_a_killed_process_leaves_all_it_wrote(run_trial: RunTrial) -> None:
    trace = run_trial("killed", status=-signal.SIGKILL)

    assert [call.begin_ns for call in trace.calls] == [1, 3]
    assert trace.damaged == 1, "the call that was being written"
    assert places(trace, trace.calls[0].stack)[1] == ("innermost", written()["innermost"])


def test_a_forked_child_writes_nothing(run_trial: RunTrial) -> None:
    trace = run_trial("fork")

    assert [call.begin_ns for call in trace.calls] == [1, 2]
    assert trace.tallies == []


def test_a_full_trace_stops_and_counts_what_is_missing(run_trial: RunTrial, tmp_path: Path) -> None:
    trace = run_trial("full", limit=2 << 20)

    # What comes after it is full is dropped as well: names of threads are taken from the same space.
    assert 10_000 < len(trace.calls) < 25_000
    assert trace.header.dropped_blocks >= 100_000 - len(trace.calls)
    assert trace.header.dropped_tallies == 10
    assert [call.begin_ns for call in trace.calls] == list(range(len(trace.calls)))
    (path,) = tmp_path.glob("*.trace")
    assert path.stat().st_size == trace.header.limit == 2 << 20


def test_a_trace_that_was_cut_off_is_read_up_to_there(run_trial: RunTrial, tmp_path: Path) -> None:
    whole = run_trial("threads")
    (path,) = tmp_path.glob("*.trace")
    data = path.read_bytes()
    for size in (4096, 10_000, 100_000, 500_001):
        cut = tmp_path / "cut"
        cut.write_bytes(data[:size])
        trace = read_trace(cut)
        assert len(trace.calls) < len(whole.calls)
        assert set(trace.calls) <= set(whole.calls)


def test_what_no_thread_finished_is_stepped_over(run_trial: RunTrial, tmp_path: Path) -> None:
    """A thread that is killed between taking its space and marking it leaves zeros."""
    run_trial("plain")
    (path,) = tmp_path.glob("*.trace")
    data = path.read_bytes()
    for gap in (8, 104, 200_000):
        shifted = tmp_path / "shifted"
        shifted.write_bytes(data[:4096] + bytes(gap) + data[4096:])
        assert len(read_trace(shifted).calls) == 1


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is not a trace of imp-graphcheck"),
        (b"\x7fELF" + bytes(5000), "is not a trace of imp-graphcheck"),
        (b"IMPGCTRC\x09" + bytes(5000), "is a trace of version 9, and this tool reads version 1"),
    ],
)
def test_a_foreign_file_is_refused_in_a_sentence(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "foreign"
    path.write_bytes(content)

    with pytest.raises(UsageError, match=says):
        read_trace(path)


def test_a_file_that_is_not_there_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_trace(tmp_path / "nothing")


def test_where_no_trace_can_be_made_nothing_is_written(trial_program: Path, tmp_path: Path) -> None:
    import subprocess

    assert subprocess.run([trial_program, "plain", tmp_path / "nowhere"], check=False).returncode == 9
