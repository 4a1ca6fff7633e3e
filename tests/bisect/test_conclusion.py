"""What all trials together say. Runs are made up: the conclusion looks at records only."""

from typing import Any

from msgspec.structs import replace

from imp_graphcheck.bisect.conclusion import concluded
from imp_graphcheck.bisect.search import Done
from imp_graphcheck.bisect.trial_settings import TrialKind, TrialSettings
from imp_graphcheck.record.bisection import Bisection
from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.probe import ProbeResult
from imp_graphcheck.record.run import Run, Target
from imp_graphcheck.record.site import Site

BISECTION = Bisection(id="b", command=(), tool_version="0", started_at="", settings={})
FIRST, CLONED, FREED, LAUNCHED = (
    Site(file="cache.py", line=line, function="step") for line in (3, 11, 14, 20)
)
FOUND = Finding(
    code="GC201",
    severity="error",
    confidence="suspected",
    message="dead",
    graph="k",
    node=4,
    argument="other",
    allocation_site=FIRST,
    free_site=FREED,
)


def done(kind: TrialKind, *findings: Finding, probes: tuple[ProbeResult, ...] = (), **settings: Any) -> Done:
    run = Run(
        id="run",
        command=(),
        tool_version="0",
        started_at="",
        environment={},
        target=Target(name="model", kind="shape", device="sim"),
        verdict="findings",
        findings=findings,
        probes=probes,
    )
    return Done(settings=TrialSettings(model="model", kind=kind, **settings), run=run)


def test_one_argument_is_one_cause_whichever_line_its_memory_came_from() -> None:
    again = replace(FOUND, allocation_site=CLONED, free_site=None)
    poisoned = ProbeResult(probe="poison", intervention="0x00", outcome="wrong", sites=(CLONED,))
    trials = [done("as it is", FOUND), done("kept alive", again, probes=(poisoned,))]
    (cause,) = concluded(BISECTION, trials, exhausted=False).causes
    assert cause.proof == (poisoned,)
    assert (cause.finding.allocation_site, cause.finding.free_site) == (CLONED, FREED)
    assert cause.finding.consequences == ("in another trial this memory was allocated at cache.py:3 step()",)


def test_two_arguments_are_two_causes() -> None:
    other = replace(FOUND, allocation_site=CLONED, argument="index")
    trials = [done("as it is", FOUND), done("kept alive", other)]
    assert len(concluded(BISECTION, trials, exhausted=False).causes) == 2


def test_what_was_a_warning_in_one_trial_and_an_error_in_another_is_an_error() -> None:
    frozen = replace(FOUND, code="GC303", allocation_site=None, argument=None, launch_site=LAUNCHED)
    probes = (
        ProbeResult(probe="first use", intervention="", outcome="wrong"),
        ProbeResult(probe="fresh", intervention="", outcome="right"),
    )
    trials = [
        done("as it is", replace(frozen, severity="warning")),
        done("repeated", frozen, probes=probes),
    ]
    (cause,) = concluded(BISECTION, trials, exhausted=False).causes
    assert (cause.finding.severity, cause.proof) == ("error", probes)


def test_a_refusal_in_each_mode_is_listed_once() -> None:
    refused = replace(FOUND, code="GC101", allocation_site=None, free_site=None, launch_site=LAUNCHED)
    trials = [
        done("as it is", refused, refused, capture_mode="global"),
        done("as it is", refused, capture_mode="relaxed"),
    ]
    bisection = concluded(BISECTION, trials, exhausted=False)
    told = [(probe.probe, probe.intervention, probe.outcome) for probe in bisection.tried]
    assert told == [
        ("mode", "captured in mode global", "refused"),
        ("mode", "captured in mode relaxed", "refused"),
    ]
    assert bisection.causes[0].proof == bisection.tried
