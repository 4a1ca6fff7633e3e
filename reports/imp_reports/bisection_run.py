"""A bisection in the shape of a run, for the formats that only know findings: SARIF, JUnit, CSV."""

from imp_graphcheck.record.bisection import Bisection, BisectionStatus
from imp_graphcheck.record.run import Run, Stage, Target, Verdict
from imp_reports.bisection_words import subject

_VERDICTS: dict[BisectionStatus, Verdict] = {
    "found": "findings",
    "nothing found": "clean",
    "inconclusive": "inconclusive",
    "interrupted": "interrupted",
    "running": "running",
}


def as_run(bisection: Bisection) -> Run:
    """Causes, then symptoms, as findings; each trial as a stage."""
    nobody = Target(name=subject(bisection), kind="factory", device="unknown")
    return Run(
        id=bisection.id,
        command=bisection.command,
        tool_version=bisection.tool_version,
        started_at=bisection.started_at,
        environment={},
        target=bisection.target or nobody,
        verdict=_VERDICTS[bisection.status],
        verdict_reason=bisection.reason,
        stages=tuple(
            Stage(
                name=f"trial {trial.number}, {trial.kind}",
                status="ok",
                seconds=trial.seconds,
                detail=trial.outcome,
            )
            for trial in bisection.trials
        ),
        findings=(*(cause.finding for cause in bisection.causes), *bisection.symptoms),
        probes=bisection.tried,
        notes=bisection.notes,
    )
