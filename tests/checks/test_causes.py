"""Which suspicion an intervention proves, which it rules out, and which it leaves open."""

from imp_graphcheck.checks.causes import causes_of, ruled_out, suffices
from imp_graphcheck.record.finding import Finding, Severity
from imp_graphcheck.record.probe import ProbeName, ProbeOutcome, ProbeResult
from imp_graphcheck.record.site import UNKNOWN, Site

SCRATCH = Site(file="program.py", line=10, function="scratch")
TABLE = Site(file="program.py", line=20, function="table")
LAUNCH = Site(file="program.py", line=30, function="forward")


def finding(
    code: str, *, at: Site | None = None, launched: Site | None = None, severity: Severity = "error"
) -> Finding:
    return Finding(
        code=code,
        severity=severity,
        confidence="suspected",
        message=code,
        graph="key",
        allocation_site=at,
        launch_site=launched,
    )


def probe(name: ProbeName, outcome: ProbeOutcome, *sites: Site) -> ProbeResult:
    return ProbeResult(probe=name, intervention=name, outcome=outcome, sites=sites)


def codes(findings: list[Finding], probes: list[ProbeResult]) -> list[tuple[str, bool | None, bool]]:
    return [(cause.finding.code, cause.necessary, bool(cause.proof)) for cause in causes_of(findings, probes)]


def test_content_that_reaches_an_answer_proves_a_lifetime() -> None:
    probes = [probe("pin", "right"), probe("poison", "wrong", SCRATCH)]
    (cause,) = causes_of([finding("GC201", at=SCRATCH)], probes)
    assert (cause.necessary, cause.finding.confidence) == (True, "confirmed")
    assert [each.probe for each in cause.proof] == ["pin", "poison"]


def test_a_warning_that_was_proven_is_an_error() -> None:
    probes = [probe("canary", "wrong", SCRATCH)]
    (cause,) = causes_of([finding("GC201", at=SCRATCH, severity="warning")], probes)
    assert cause.finding.severity == "error"


def test_content_without_effect_rules_a_lifetime_out() -> None:
    suspicions, probes = [finding("GC201", at=SCRATCH)], [probe("poison", "right", SCRATCH)]
    assert codes(suspicions, probes) == []
    assert ruled_out(suspicions, probes) == (
        "GC201 of program.py:10: no content put there reached an answer, and no replay wrote there",
    )


def test_nothing_is_ruled_out_beside_a_cause_that_may_hide_it() -> None:
    suspicions = [finding("GC206", at=TABLE), finding("GC202", at=SCRATCH)]
    probes = [probe("poison", "right", TABLE), probe("unmap", "died", SCRATCH)]
    assert codes(suspicions, probes) == [("GC202", True, True), ("GC206", None, False)]
    assert ruled_out(suspicions, probes) == ()


def test_a_group_that_died_together_proves_nobody_alone() -> None:
    probes = [probe("unmap", "died", SCRATCH, TABLE)]
    suspicions = [finding("GC202", at=SCRATCH), finding("GC202", at=TABLE)]
    assert codes(suspicions, probes) == [("GC202", None, True), ("GC202", None, True)]


def test_content_elsewhere_says_nothing() -> None:
    assert codes([finding("GC201", at=SCRATCH)], [probe("poison", "wrong", TABLE)]) == [
        ("GC201", None, False)
    ]


def test_what_is_frozen_is_proven_by_a_capture_of_its_own() -> None:
    probes = [probe("pin", "wrong"), probe("fresh", "right")]
    assert codes([finding("GC301", launched=LAUNCH)], probes) == [("GC301", None, True)]
    assert suffices(probes) is True


def test_a_capture_of_its_own_that_is_wrong_too_proves_nothing_frozen() -> None:
    probes = [probe("pin", "wrong"), probe("fresh", "wrong")]
    assert codes([finding("GC301", launched=LAUNCH)], probes) == [("GC301", None, False)]
    assert suffices(probes) is False


def test_what_is_frozen_and_never_shows_is_ruled_out() -> None:
    suspicions, probes = [finding("GC301", launched=LAUNCH)], [probe("pin", "right")]
    assert codes(suspicions, probes) == []
    assert ruled_out(suspicions, probes) == ("GC301: the replays are right all the same",)


def test_one_cause_for_each_launching_line() -> None:
    other = Site(file="program.py", line=31, function="forward")
    suspicions = [
        finding("GC301", launched=LAUNCH),
        finding("GC302", launched=LAUNCH),
        finding("GC305", launched=other),
        finding("GC306"),
    ]
    causes = causes_of(suspicions, [])
    assert [cause.finding.code for cause in causes] == ["GC301", "GC305"]
    assert causes[0].finding.consequences == ("GC302: GC302",)


def test_an_incomplete_key_stands_alone_where_nothing_says_more() -> None:
    assert codes([finding("GC306")], []) == [("GC306", None, False)]


def test_symptoms_and_notes_are_no_causes() -> None:
    assert codes([finding("GC501"), finding("GC209"), finding("GC603", severity="note")], []) == []


def test_the_proven_come_first() -> None:
    suspicions = [finding("GC404"), finding("GC201", at=SCRATCH)]
    assert [code for code, *_ in codes(suspicions, [probe("poison", "wrong", SCRATCH)])] == ["GC201", "GC404"]


def test_nothing_tried_suffices_for_nothing() -> None:
    assert suffices([]) is None


def test_memory_of_an_unknown_line_is_known_by_that() -> None:
    suspicions = [finding("GC206"), finding("GC201", at=SCRATCH)]
    probes = [probe("poison", "wrong", UNKNOWN), probe("poison", "wrong", SCRATCH, UNKNOWN)]
    assert codes(suspicions, probes) == [("GC206", True, True), ("GC201", None, True)]


def test_a_key_that_lacks_something_harmless_is_ruled_out_with_it() -> None:
    suspicions = [finding("GC301", launched=LAUNCH), finding("GC306"), finding("GC202", at=SCRATCH)]
    probes = [probe("pin", "right"), probe("unmap", "died", SCRATCH)]
    assert [code for code, *_ in codes(suspicions, probes)] == ["GC202"]


def test_what_an_intervention_showed_has_it_for_proof() -> None:
    probes = [probe("delay", "wrong"), probe("padding", "right")]
    assert codes([finding("GC403"), finding("GC402")], probes) == [
        ("GC403", None, True),
        ("GC402", None, False),
    ]


def test_what_escaped_from_a_capture_is_proven_by_captures_of_each_call() -> None:
    probes = [probe("pin", "wrong"), probe("fresh", "right")]
    assert codes([finding("GC404", launched=LAUNCH)], probes) == [("GC404", None, True)]
    assert codes([finding("GC404", launched=LAUNCH)], [probe("pin", "right")]) == [("GC404", None, False)]


def test_a_death_from_nothing_proves_what_its_graphs_point_at() -> None:
    died = [probe("pin", "right"), probe("first use", "died")]
    suspicion = finding("GC201", at=TABLE)
    assert codes([suspicion], died) == [("GC201", None, False)]
    assert codes([suspicion], [*died, probe("fresh", "right")]) == [("GC201", None, True)]
    # Where the replays are wrong with everything alive it is something else that a capture for each call mends.
    frozen = [probe("pin", "wrong"), probe("fresh", "right")]
    assert codes([suspicion], frozen) == [("GC201", None, False)]


def test_what_was_frozen_at_a_first_use_is_not_ruled_out_by_other_graphs() -> None:
    probes = [probe("pin", "right"), probe("first use", "wrong"), probe("fresh", "right")]
    assert codes([finding("GC303", launched=LAUNCH)], probes) == [("GC303", None, True)]
    assert codes([finding("GC303", launched=LAUNCH)], probes[:1]) == []


def test_a_line_at_which_a_capture_was_refused_is_proven_by_that() -> None:
    refused = [probe("mode", "refused", LAUNCH), probe("mode", "refused", TABLE)]
    (cause,) = causes_of([finding("GC101", launched=LAUNCH)], refused)
    assert cause.proof == (refused[0],)
    assert codes([finding("GC101", launched=LAUNCH)], refused[1:]) == [("GC101", None, False)]
