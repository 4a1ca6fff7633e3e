"""Bisections to be rendered."""

from imp_graphcheck.record.bisection import Bisection, Cause, Trial
from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.probe import ProbeResult
from imp_graphcheck.record.site import Frame, Site
from tests.reports.large import HOSTILE
from tests.reports.runs import CLEAN, FREED

PINNED = ProbeResult(
    probe="pin",
    intervention="everything that was allocated when a graph was captured is kept alive",
    outcome="right",
    calls=7,
)
FILLED = ProbeResult(
    probe="poison",
    intervention="0xff in the memory of engine.py:120",
    outcome="wrong",
    calls=7,
    wrong_calls=3,
    max_abs_delta=9.5,
    detail="5 of 6 state tensors differ",
)

FOUND = Bisection(
    id="20000101-000001",
    command=("imp-graphcheck", "bisect", "qwen3-moe-tiny", "--device", "sim", "--fault", "per-call-scratch"),
    tool_version="0.1.0",
    started_at="2000-01-01T00:00:00Z",
    settings={"model": "qwen3-moe-tiny", "pp": 1024},
    target=CLEAN.target,
    status="found",
    reason=FREED.message,
    causes=(
        Cause(finding=FREED, proof=(PINNED, FILLED), necessary=True),
        Cause(
            finding=Finding(code="GC301", severity="error", confidence="suspected", message="a frozen number")
        ),
    ),
    sufficient=True,
    symptoms=(Finding(code="GC501", severity="error", confidence="confirmed", message="it differs"),),
    ruled_out=("dead addresses in tables: none was read",),
    tried=(PINNED, FILLED),
    trials=(
        Trial(
            number=1, kind="as it is", capture_mode="global", run="runs/1", outcome="findings", seconds=4.25
        ),
        Trial(number=2, kind="kept alive", capture_mode="global", run="", outcome="died", seconds=5.5),
    ),
    seconds=9.75,
    notes=("one\ntwo",),
)

NOTHING = Bisection(
    id="20000101-000002",
    command=("imp-graphcheck", "bisect", "qwen3-tiny"),
    tool_version="0.1.0",
    started_at="not a time",
    settings={},
    status="nothing found",
    reason="9 interventions, and the answers stayed right",
)


def bisection_with(text: str) -> Bisection:
    """`text` wherever the program under test can put words."""
    site = Site(file=text, line=0, function=text, stack=(Frame(file=text, line=-1, function=text),) * 2)
    finding = Finding(
        code="GC202",
        severity="error",
        confidence="confirmed",
        message=text,
        remedy=text,
        graph=text,
        node=3,
        kernel=text,
        argument=text,
        allocation_site=site,
        consequences=(text,),
    )
    probe = ProbeResult(probe="pin", intervention=text, outcome="wrong", calls=1, detail=text, sites=(site,))
    return Bisection(
        id="odd",
        command=("imp-graphcheck", "bisect", text),
        tool_version="0.1.0",
        started_at=text,
        settings={"model": text},
        status="found",
        reason=text,
        causes=(Cause(finding=finding, proof=(probe,)),),
        symptoms=(finding,),
        ruled_out=(text,),
        tried=(probe,),
        trials=(Trial(number=1, kind=text, capture_mode=text, run=text, outcome=text, seconds=1.0),),
        notes=(text,),
    )


HOSTILE_BISECTION = bisection_with(HOSTILE)
