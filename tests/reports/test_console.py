"""A run, as a reader meets it."""

import io
import re
from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.console import Console

from imp_graphcheck.record.run import Run
from imp_graphcheck.record.site import Site
from imp_reports.console import print_run
from imp_reports.text import MAX_ROWS, place
from tests.reports.runs import BROKEN, CALL, CLEAN, DIVERGED, GRAPH

DIRECTORY = Path(".graphcheck/runs/20000101-000000")


def render(run: Run, width: int = 120, *, terminal: bool = False) -> list[str]:
    file = io.StringIO()
    console = Console(
        file=file, width=width, force_terminal=terminal, no_color=True, highlight=False, _environ={}
    )
    print_run(run, DIRECTORY, console)
    return file.getvalue().splitlines()


def without_escapes(line: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", line)


def section(lines: list[str], title: str) -> list[str]:
    """The lines of one section, with runs of blanks folded."""
    start = next(index for index, line in enumerate(lines) if line.startswith(title))
    body = lines[start:]
    end = body.index("") if "" in body else len(body)
    return [" ".join(line.split()) for line in body[:end]]


def test_the_first_three_lines_are_verdict_cause_and_remedy() -> None:
    """The worst finding comes first, though a warning was found before it."""
    assert render(BROKEN)[:3] == [
        "FINDINGS  qwen3-moe-tiny on sim: 1 error, 1 warning",
        "GC202 error confirmed  node 17 (moe_gather) reads memory that was freed before the replay; "
        "allocated at engine.py:120; freed at engine.py:131",
        "  do: allocate the scratch buffer once, before the capture",
    ]


def test_a_site_that_the_message_names_is_not_repeated() -> None:
    finding = replace(BROKEN.findings[1], message="node 17 reads what engine.py:120 allocated")

    lines = render(replace(BROKEN, findings=(finding,)))

    assert lines[1] == (
        "GC202 error confirmed  node 17 reads what engine.py:120 allocated; freed at engine.py:131"
    )


def test_details_and_consequences_stand_under_their_finding() -> None:
    lines = [" ".join(line.split()) for line in render(BROKEN)]

    for line in (
        "kernel moe_gather",
        "argument 2",
        "freed engine.py:131 forward()",
        "then error 700 in every later call",
    ):
        assert lines.index(line) < lines.index("Further findings")


@pytest.mark.parametrize(
    ("run", "first"),
    [
        (
            CLEAN,
            "CLEAN  qwen3-moe-tiny on sim: 12 replays of 1 graph, 12 compared calls equal to eager bit for bit",
        ),
        (
            replace(CLEAN, calls=(CALL, replace(CALL, agreement="noise"))),
            "CLEAN  qwen3-moe-tiny on sim: 12 replays of 1 graph, 2 compared calls equal to eager within the noise floor",
        ),
        (
            replace(CLEAN, verdict="inconclusive", calls=(), graphs=(), replays=0),
            "INCONCLUSIVE  qwen3-moe-tiny on sim: 0 replays of 0 graphs",
        ),
        (
            replace(CLEAN, verdict="interrupted", calls=(CALL, DIVERGED)),
            "INTERRUPTED  qwen3-moe-tiny on sim: 12 replays of 1 graph, 1 of 2 compared calls differ from eager",
        ),
    ],
    ids=["clean", "noise", "inconclusive", "interrupted"],
)
def test_verdicts_without_findings_state_their_evidence(run: Run, first: str) -> None:
    lines = render(replace(run, verdict_reason="the reason"))

    assert lines[:2] == [first, "the reason"]


def test_identical_calls_are_one_line_per_key() -> None:
    other = tuple(replace(CALL, key="prefill 64", call=n) for n in range(3))

    assert section(render(replace(CLEAN, calls=CLEAN.calls + other)), "Captured") == [
        "Captured against eager: 15 compared calls, 0 differing",
        "graph path calls requests agreement",
        "g1 replay 12 3 identical",
        "prefill 64 replay 3 1 identical",
    ]


def test_a_differing_call_has_a_row_of_its_own() -> None:
    body = section(render(BROKEN), "Captured")

    assert body[0] == "Captured against eager: 13 compared calls, 1 differing"
    assert body[2] == ("1 2 0 q_offset 256, 256 tokens g1 replay diverged 3.2e+00 0 4.1e-01 99.9% 25.0% 0")


def test_a_share_is_called_100_percent_only_when_it_is() -> None:
    assert "99.9%" in " ".join(render(replace(BROKEN, calls=(replace(DIVERGED, top1_agreement=0.99999),))))


def test_an_output_that_was_never_written_is_said_to_be() -> None:
    stale = replace(DIVERGED, agreement="nonfinite", output_written=False)

    assert "not written" in section(render(replace(BROKEN, calls=(stale,))), "Captured")[2]


def test_an_output_of_another_shape_is_said_to_be() -> None:
    other = replace(DIVERGED, layouts="float32[2] instead of float32[3]", max_abs_delta=None)

    assert "other layout" in section(render(replace(BROKEN, calls=(other,))), "Captured")[2]


def test_rows_that_are_left_out_are_counted() -> None:
    calls = tuple(replace(DIVERGED, call=n) for n in range(MAX_ROWS + 7))

    lines = render(replace(BROKEN, calls=calls))

    assert sum("diverged" in line for line in lines) == MAX_ROWS
    assert "and 7 differing calls more; all are in run.json" in lines


def test_noise_is_told_with_its_worst_numbers() -> None:
    calls = tuple(
        replace(
            CALL,
            request=n,
            agreement="noise",
            max_abs_delta=n / 8,
            noise_max_abs_delta=0.5,
            top5_agreement=1 - n / 10,
        )
        for n in range(3)
    )

    assert section(render(replace(CLEAN, calls=calls)), "Captured")[2] == (
        "g1 replay 3 3 noise 2.5e-01 5.0e-01 0 100% 80.0%"
    )


def test_state_graphs_fallbacks_speed_and_notes() -> None:
    lines = render(BROKEN)

    assert section(lines, "State")[2] == "kv_cache.0 0 64 of 1048576 4096"
    assert section(lines, "Graphs captured")[2] == "g1 prefill 256 5 kernel 4, memcpy 1 0.25 3.0 12"
    assert section(lines, "Ran eagerly")[2] == "2 chunk 100 has no graph"
    assert section(lines, "Speed")[2:] == [
        "eager 300.0 ms 200.0 ms 400.0 ms 3413",
        "captured 150.0 ms 100.0 ms 200.0 ms 6827",
        "eager / captured, median of the pairs: 2.00",
    ]
    assert section(lines, "Notes")[1:] == ["- worker.log ends with:", "CUDA error", "- memory history was on"]


def test_equal_state_is_one_line() -> None:
    assert section(render(CLEAN), "State")[1:] == ["kv_cache.0: all 1.0 MiB equal byte for byte"]


def test_the_end_says_where_it_is_saved_and_what_to_run_next() -> None:
    assert render(BROKEN)[-3:] == [
        f"saved: {DIRECTORY}/run.json",
        f"page: imp-graphcheck report {DIRECTORY}",
        "next, after the change: imp-graphcheck capture qwen3-moe-tiny --device sim",
    ]
    assert render(CLEAN)[-1] == (
        "next, on a machine with an NVIDIA GPU: imp-graphcheck capture qwen3-moe-tiny --device cuda"
    )


def test_a_fault_that_was_asked_for_is_taken_out_next() -> None:
    for fault in (("--fault", "baked-q-offset"), ("--fault=baked-q-offset",)):
        run = replace(BROKEN, command=("imp-graphcheck", "capture", *fault, "m"))

        assert render(run)[-1] == "next, without the fault: imp-graphcheck capture m"


def test_a_place_below_the_working_directory_is_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert place(Site(file=str(tmp_path / "a" / "b.py"), line=3, function="f")) == "a/b.py:3"
    assert place(Site(file="/elsewhere/b.py", line=3, function="f")) == "/elsewhere/b.py:3"


def test_many_tensors_are_counted_and_not_listed() -> None:
    state = tuple(replace(CLEAN.state[0], name=f"layers.{n}.key") for n in range(96))

    assert (
        section(render(replace(CLEAN, state=state)), "State")[1]
        == "96 tensors: all 96.0 MiB equal byte for byte"
    )


def test_a_bare_run_renders() -> None:
    bare = replace(CLEAN, stages=(), calls=(), state=(), graphs=(), speed=None, replays=0)

    assert render(bare) == [
        "CLEAN  qwen3-moe-tiny on sim: 0 replays of 0 graphs",
        "",
        f"saved: {DIRECTORY}/run.json",
        f"page: imp-graphcheck report {DIRECTORY}",
        "next, on a machine with an NVIDIA GPU: imp-graphcheck capture qwen3-moe-tiny --device cuda",
    ]


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("run", [CLEAN, BROKEN], ids=["clean", "broken"])
def test_nothing_is_wider_than_the_terminal_or_cut(run: Run, width: int) -> None:
    *lines, saved, page, command = map(without_escapes, render(run, width, terminal=True))
    if lines[-1].startswith("saved: "):
        saved, page = lines.pop(), saved

    assert max(map(len, lines)) <= width
    assert saved.startswith("saved: ")
    assert "imp-graphcheck" in page
    assert command.startswith("next, ")
    text = " ".join(lines)
    for word in ("prefill", "memcpy", "tensors", "identical", "tokens/s"):
        assert word in text
    assert "…" not in text


def test_a_word_that_is_too_long_for_its_cell_is_kept_whole() -> None:
    run = replace(CLEAN, stages=(replace(CLEAN.stages[0], detail="/" + "x" * 200),))

    assert sum(line.count("x") for line in section(render(run, 60), "Stages")) == 200


def test_text_of_the_program_is_never_taken_for_markup() -> None:
    run = replace(
        BROKEN, notes=("tensor[bold]x[/bold] :warning:",), graphs=(replace(GRAPH, key="[red](256)"),)
    )

    text = "\n".join(render(run))

    assert "tensor[bold]x[/bold] :warning:" in text
    assert "[red](256)" in text


@pytest.mark.parametrize("run", [CLEAN, BROKEN], ids=["clean", "broken"])
def test_our_own_words_are_ascii(run: Run) -> None:
    assert "\n".join(render(run)).isascii()
