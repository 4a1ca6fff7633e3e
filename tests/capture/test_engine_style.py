"""Programs in the style of inference engines: the cause at its line comes first, and right ones are clean."""

from collections.abc import Callable
from pathlib import Path

import pytest

from imp_graphcheck.record.run import Run

HERE = Path(__file__).parent
FAULTS, CORRECT = HERE / "engine_style_faults.py", HERE / "engine_style_correct.py"
EXPECTED = {
    "DequeHolder": ["GC203"],
    "PartialHolder": ["GC203"],
    "ManyWays": ["GC203"],
    "HelperModule": ["GC203"],
    "LruEviction": ["GC201"],
    "ThreeAtOnce": ["GC201", "GC404", "GC301", "GC306", "GC501"],
    "DraftGraphReset": ["GC202", "GC501"],
    "BridgeBetweenGraphs": ["GC201"],
    "KeepsABackup": ["GC203"],
    "OneOfManyCalls": ["GC303", "GC306", "GC501"],
    "WritesNothing": ["GC404", "GC408"],
    "SwallowsTheError": ["GC101", "GC601"],
    "ListsLengths": ["GC101", "GC601"],
    "TableByNeed": ["GC201"],
    "RingOfSlots": ["GC304", "GC501"],
    "HandsTheTensorOn": ["GC407", "GC501", "GC501"],
    "StartsBeyond": ["GC301", "GC306"],
    "SlotBeforeBranch": ["GC305", "GC303", "GC306", "GC501", "GC504"],
}


def marked(program: str) -> dict[str, tuple[str, int]]:
    """The lines that end in `# MARK <program> <site>...`, by site."""
    return {
        site: (file.name, number)
        for file in (FAULTS, HERE / "engine_tables.py")
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if f"# MARK {program} " in line
        for site in line.rpartition(f"# MARK {program} ")[2].split()
    }


@pytest.mark.parametrize("program", EXPECTED)
def test_cause_and_its_lines_come_first(check: Callable[..., Run], program: str) -> None:
    run = check(f"{FAULTS}:{program}")
    assert [finding.code for finding in run.findings] == EXPECTED[program]
    first = run.findings[0]
    sites = {"allocation": first.allocation_site, "free": first.free_site, "launch": first.launch_site}
    expected = marked(program)
    assert expected
    assert {
        name: (Path(site.file).name, site.line)
        for name, site in sites.items()
        if site is not None and name in expected
    } == expected


@pytest.mark.parametrize(
    "program",
    [
        "Cached",
        "CachedFew",
        "DefaultArgument",
        "DequePool",
        "HoldsAClosedFile",
        "SharedPool",
        "LongThenShort",
        "PointerLike",
        "Sampling",
        "HandsOver",
        "ChecksBuffersOut",
        "RejectsTokens",
        "ViewsTheRows",
        "TableFromTheStart",
        "TurnsInScratch",
        "TurnsInBuffers",
        "LooksBack",
        "CopiesTheTensorOn",
    ],
)
def test_right_programs_are_clean(check: Callable[..., Run], program: str) -> None:
    run = check(f"{CORRECT}:{program}")
    assert run.findings == (), [(finding.code, finding.message) for finding in run.findings]
    assert run.verdict == "clean", run.verdict_reason
