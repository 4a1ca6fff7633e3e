"""How the end of the child enters the record."""

import sysconfig
import threading
from pathlib import Path

import pytest
from msgspec.structs import replace

from imp_graphcheck.capture.aftermath import LastSeen, after_crash, after_death, after_interrupt
from imp_graphcheck.capture.whereabouts import whereabouts
from imp_graphcheck.child.ending import Died, Hung
from imp_graphcheck.child.stacks import ThreadStack
from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.run import Run, Stage, Target
from imp_graphcheck.record.site import Frame

LOAD = Stage(name="load", status="ok", seconds=1.0)
EAGER = Stage(name="eager", status="ok", seconds=2.0)
SEEN = LastSeen(finished=(LOAD, EAGER), current="replay", seconds=3.0)
SEGFAULT = Died(how="died with SIGSEGV", returncode=-11)

RUN = Run(
    id="1",
    command=("imp-graphcheck", "capture", "m"),
    tool_version="0",
    started_at="",
    environment={},
    target=Target(name="m", kind="shape", device="cuda"),
    stages=(LOAD, EAGER),
)


def test_a_death_is_a_confirmed_finding_of_the_stage_under_way() -> None:
    run = after_death(RUN, SEGFAULT, SEEN, ("one", "two"))

    assert run.verdict == "findings"
    assert run.verdict_reason == "the process died with SIGSEGV during replay"
    assert run.stages[-1] == Stage(
        name="replay", status="died", seconds=3.0, detail="the process died with SIGSEGV"
    )
    assert run.findings == (
        Finding(
            code="GC209",
            severity="error",
            confidence="confirmed",
            message="the process died with SIGSEGV during replay",
            remedy="native code touched host memory that is not there; read the end of worker.log; "
            "run it again with CUDA_LAUNCH_BLOCKING=1",
        ),
    )
    assert run.notes == ("worker.log ends with:\none\ntwo",)


def test_what_was_found_before_the_death_stays_first() -> None:
    earlier = Finding(code="GC201", severity="error", confidence="suspected", message="seen before")

    run = after_death(replace(RUN, findings=(earlier,), notes=("a note",)), SEGFAULT, SEEN, ())

    assert [finding.code for finding in run.findings] == ["GC201", "GC209"]
    assert run.notes == ("a note",)


def test_advice_that_cannot_help_is_not_given() -> None:
    """No log, and no CUDA to block on."""
    on_sim = replace(RUN, target=replace(RUN.target, device="sim"))

    (finding,) = after_death(on_sim, SEGFAULT, SEEN, ()).findings

    assert finding.remedy == "native code touched host memory that is not there"


@pytest.mark.parametrize(
    ("responsive", "words"),
    [
        (True, "killed; it was still running, so it waited for something, most likely the device"),
        (False, "killed; its interpreter had stopped answering, so it was stuck in native code"),
        (None, "killed"),
    ],
)
def test_a_hang_says_how_long_and_in_what(responsive: bool | None, words: str) -> None:
    run = after_death(RUN, Hung(seconds=600.4, responsive=responsive), SEEN, ())

    assert run.findings[0].message == f"the process made no progress for 600 s during replay and was {words}"
    assert run.findings[0].remedy.startswith("if the step is only slow, raise --timeout")
    assert run.stages[-1].status == "died"


def test_stages_that_ended_after_the_last_save_are_not_lost() -> None:
    run = after_death(replace(RUN, stages=(LOAD,)), SEGFAULT, SEEN, ())

    assert [(stage.name, stage.status) for stage in run.stages] == [
        ("load", "ok"),
        ("eager", "ok"),
        ("replay", "died"),
    ]


def test_a_stage_that_the_child_saved_but_did_not_announce_is_not_doubled() -> None:
    saved = replace(RUN, stages=(LOAD, EAGER, Stage(name="replay", status="ok", seconds=3.0)))

    run = after_death(saved, SEGFAULT, SEEN, ())

    assert [stage.name for stage in run.stages] == ["load", "eager", "replay"]


@pytest.mark.parametrize(
    ("seen", "moment"),
    [
        (SEEN, "during replay"),
        (LastSeen(finished=(LOAD, EAGER)), "after eager"),
        (LastSeen(finished=(LOAD, replace(EAGER, status="interrupted"))), "during eager"),
        (LastSeen(), "before the first stage"),
    ],
)
def test_the_moment_is_named(seen: LastSeen, moment: str) -> None:
    run = after_death(replace(RUN, stages=seen.finished), SEGFAULT, seen, ())

    assert run.verdict_reason == f"the process died with SIGSEGV {moment}"


def test_an_interrupted_run_says_where_it_was() -> None:
    run = after_interrupt(RUN, SEEN)

    assert (run.verdict, run.verdict_reason) == ("interrupted", "interrupted during replay")
    assert run.stages[-1] == Stage(name="replay", status="interrupted", seconds=3.0)
    assert after_interrupt(run, SEEN) == run


def test_a_run_that_the_child_completed_keeps_its_verdict() -> None:
    complete = replace(RUN, verdict="clean")

    assert after_interrupt(complete, SEEN) == complete


def test_a_crash_is_no_verdict_on_the_target() -> None:
    run = after_crash(RUN, "KeyError: 'x'", SEEN)

    assert (run.verdict, run.verdict_reason, run.findings) == ("failed", "KeyError: 'x'", ())
    assert run.stages[-1].status == "failed"


def test_a_hang_names_the_call_and_the_line_of_the_program() -> None:
    def stack(*frames: tuple[str, str]) -> tuple[ThreadStack, ...]:
        kept = tuple(Frame(file=file, line=7, function=function) for file, function in frames)
        return (ThreadStack(thread="main thread", frames=kept),)

    torch = "/venv/lib/site-packages/torch/cuda/streams.py"
    in_torch = stack((torch, "synchronize"), ("/home/a/model.py", "forward"), ("/home/a/main.py", "<module>"))
    in_program = stack(("/home/a/model.py", "forward"))

    assert whereabouts(in_torch) == (
        "synchronize() at torch/cuda/streams.py:7, called from forward() at /home/a/model.py:7"
    )
    assert whereabouts(in_program) == "forward() at /home/a/model.py:7"
    assert whereabouts(stack((threading.__file__, "wait"))).startswith("wait() at ")
    assert whereabouts(()) == whereabouts(stack()) == ""
    run = after_death(RUN, Hung(seconds=600, responsive=True, stacks=in_program), SEEN, ())
    assert run.findings[0].message.endswith(
        "most likely the device; it hung in forward() at /home/a/model.py:7"
    )
    assert "read stacks.txt" in run.findings[0].remedy


def test_a_crash_names_the_line_of_the_program() -> None:
    frames = (
        Frame(file=f"{sysconfig.get_paths()['stdlib']}/ctypes/__init__.py", line=519, function="string_at"),
        Frame(file=str(Path.cwd() / "model.py"), line=40, function="forward"),
    )
    crashed = Died(
        how="died with SIGSEGV", returncode=-11, stacks=(ThreadStack(thread="main thread", frames=frames),)
    )
    run = after_death(RUN, crashed, LastSeen(current="eager", seconds=1.0), ())
    assert run.verdict_reason.startswith("the process died with SIGSEGV during eager, in string_at() at ")
    assert "model.py:40" in run.verdict_reason
