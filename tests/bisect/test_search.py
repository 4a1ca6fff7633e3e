"""Which trial comes next. Runs are made up: the search looks at records only."""

from dataclasses import replace

from imp_graphcheck.bisect.search import Done, next_trial
from imp_graphcheck.bisect.trial_settings import TrialSettings
from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.graph import GraphTrace
from imp_graphcheck.record.probe import ProbeResult
from imp_graphcheck.record.run import Run, Target
from imp_graphcheck.record.site import Site

BASE = TrialSettings(model="model", repeat=10)
GRAPH = GraphTrace(key="key", nodes=(), capture_seconds=0.0, pool_bytes=None)
AS_IT_IS = replace(BASE, kind="as it is")
KEPT = replace(BASE, kind="kept alive")


AT = Site(file="program.py", line=1, function="allocate")
PROOF = ProbeResult(probe="poison", intervention="", outcome="wrong", sites=(AT,))


def run(
    *codes: str,
    graphs: tuple[GraphTrace, ...] = (GRAPH,),
    verdict: str = "clean",
    probes: tuple[ProbeResult, ...] = (),
) -> Run:
    findings = tuple(
        Finding(code=code, severity="error", confidence="confirmed", message=code, allocation_site=AT)
        for code in codes
    )
    return Run(
        id="run",
        command=(),
        tool_version="0",
        started_at="",
        environment={},
        target=Target(name="model", kind="shape", device="sim"),
        verdict=verdict,  # type: ignore[arg-type]
        graphs=graphs,
        findings=findings,
        probes=probes,
    )


def after(*done: Done, keep_going: bool = False, base: TrialSettings = BASE) -> tuple[str, str] | None:
    trial = next_trial(base, done, keep_going=keep_going)
    return None if trial is None else (trial.kind, trial.capture_mode)


def test_first_as_it_is_then_kept_alive() -> None:
    assert after() == ("as it is", "global")
    assert after(Done(settings=AS_IT_IS, run=run("GC202"))) == ("kept alive", "global")


def test_two_processes_for_a_cause_that_was_found() -> None:
    assert (
        after(Done(settings=AS_IT_IS, run=run("GC202")), Done(settings=KEPT, run=run(probes=(PROOF,))))
        is None
    )


def test_what_never_failed_is_run_again_and_again() -> None:
    done = (Done(settings=AS_IT_IS, run=run()), Done(settings=KEPT, run=run()))
    assert after(*done) == ("repeated", "global")
    assert after(*done, Done(settings=replace(BASE, kind="repeated"), run=run())) is None
    assert after(*done, base=replace(BASE, repeat=0)) is None


def test_a_refused_capture_is_tried_in_the_other_modes() -> None:
    refused = Done(settings=AS_IT_IS, run=run("GC101", graphs=()))
    assert after(refused) == ("as it is", "thread_local")
    second = Done(settings=replace(AS_IT_IS, capture_mode="thread_local"), run=run("GC101", graphs=()))
    assert after(refused, second) == ("as it is", "relaxed")
    third = Done(settings=replace(AS_IT_IS, capture_mode="relaxed"), run=run("GC101", graphs=()))
    assert after(refused, second, third) is None


def test_nothing_follows_a_first_trial_without_a_record() -> None:
    assert after(Done(settings=AS_IT_IS, run=None)) is None
    assert after(Done(settings=AS_IT_IS, run=run(verdict="failed"))) is None


def test_keep_going_repeats_what_was_explained() -> None:
    done = (Done(settings=AS_IT_IS, run=run("GC202")), Done(settings=KEPT, run=run(probes=(PROOF,))))
    assert after(*done, keep_going=True) == ("stepped", "global")
    stepped = Done(settings=replace(BASE, kind="stepped"), run=run())
    assert after(*done, stepped, keep_going=True) == ("repeated", "global")


def test_a_death_without_a_proven_cause_is_stepped_to_its_node() -> None:
    died = Done(settings=AS_IT_IS, run=run("GC209"))
    assert after(died, Done(settings=KEPT, run=run())) == ("stepped", "global")
    pinned = ProbeResult(probe="pin", intervention="", outcome="died")
    alive = Done(settings=AS_IT_IS, run=run())
    assert after(alive, Done(settings=KEPT, run=run(probes=(pinned,)))) == ("stepped", "global")


def test_a_death_beside_something_frozen_gets_a_capture_for_each_call() -> None:
    pinned = ProbeResult(probe="pin", intervention="", outcome="died")
    done = (
        Done(settings=AS_IT_IS, run=run("GC301")),
        Done(settings=KEPT, run=run(probes=(pinned,))),
    )
    assert after(*done) == ("captured anew", "global")
    right = ProbeResult(probe="fresh", intervention="", outcome="right")
    anew = Done(settings=replace(BASE, kind="captured anew"), run=run(probes=(right,)))
    assert after(*done, anew) is None


def test_memory_that_was_given_back_before_the_captures_is_looked_at_from_nothing() -> None:
    right = ProbeResult(probe="pin", intervention="", outcome="right")
    done = (Done(settings=AS_IT_IS, run=run("GC201")), Done(settings=KEPT, run=run(probes=(right,))))
    assert after(*done) == ("repeated", "global")
    proven = Done(settings=replace(BASE, kind="repeated"), run=run("GC201", probes=(PROOF,)))
    assert after(*done, proven) is None


def test_what_only_the_later_passes_give_back_is_kept_alive_longer() -> None:
    done = (Done(settings=AS_IT_IS, run=run()), Done(settings=KEPT, run=run()))
    late = Done(settings=replace(BASE, kind="repeated"), run=run("GC201"))
    assert after(*done, late) == ("kept alive longer", "global")
    longer = Done(settings=replace(BASE, kind="kept alive longer"), run=run())
    assert after(*done, late, longer) is None


def test_a_death_from_nothing_is_followed_by_captures_of_each_call() -> None:
    done = (Done(settings=AS_IT_IS, run=run("GC201")), Done(settings=KEPT, run=run()))
    fell = ProbeResult(probe="first use", intervention="", outcome="died")
    late = Done(settings=replace(BASE, kind="repeated"), run=run("GC201", probes=(fell,)))
    assert after(*done, late) == ("captured anew", "global")
