"""An audit on a terminal and in a pipe: what a person with a dead process reads first, at any width."""

import io
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.console import Console

from imp_graphcheck.record.audit import Audit, Headline, Step
from imp_reports.audit_text import print_audit
from imp_reports.audit_words import (
    called,
    cause,
    conditions,
    headline_position,
    refusals_in_words,
    scope,
    shortened,
    summary,
    title,
    where,
)
from imp_reports.text import MAX_ROWS
from tests.reports.audits import (
    ALL_KNOWN,
    BARE,
    CLEAN_RUN,
    COMPARED,
    EMPTY,
    FAILED,
    GROWTH,
    HOSTILE_AUDIT,
    INSIDE,
    MERGED,
    NAMED,
    RAN,
    READ,
    READ_HANDLE,
    READ_UPLOAD,
    TRACED,
    UPLOAD,
    WAIT,
    audit_with,
    many,
)
from tests.reports.test_odd_content import TEXTS

SAVED = Path(".graphcheck/audits/1")
WIDTHS = (40, 80, 120)
AUDITS = {
    **NAMED,
    "many": many(100),
    "hostile": HOSTILE_AUDIT,
    **{name: audit_with(t) for name, t in TEXTS.items()},
}

Shown = Callable[..., str]


def shown(audit: Audit, width: int = 120, *, everything: bool = False, terminal: bool = False) -> str:
    file = io.StringIO()
    colours = "truecolor" if terminal else None
    console = Console(
        file=file,
        width=width,
        force_terminal=terminal,
        color_system=colours,
        _environ={},  # type: ignore[arg-type]
    )
    print_audit(audit, SAVED, console, everything=everything)
    return file.getvalue()


def first_lines(audit: Audit) -> list[str]:
    return shown(audit).splitlines()[:3]


class TestTheFirstThreeLines:
    def test_call_error_line_and_what_to_do(self) -> None:
        assert first_lines(RAN) == [
            "FINDINGS  1 site forbidden in a capture, 2 touching host memory at each replay, "
            "1 done at capture time only",
            "cudaStreamSynchronize at engine/sample.py:41 in Sampler.pick() failed the capture (global mode): "
            "900 cudaErrorStreamCaptureUnsupported",
            "  do: move the wait out of the captured region",
        ]
        assert (
            shown(RAN)
            .splitlines()[3]
            .startswith("  the program saw: AcceleratorError: CUDA error: operation failed")
        )

    def test_without_a_capture_the_worst_site(self) -> None:
        assert first_lines(READ)[1:] == [
            "cublasCreate at src/blas.cu:9 in handle_for_thread(): it may wait for the device, so a capture forbids it "
            "unless its mode is relaxed; perhaps reached; if !(handle); the first call only; nothing makes it before",
            "  do: make it once before the capture, in the same thread",
        ]

    def test_a_dead_process_says_how_it_died_and_what_failed(self) -> None:
        lines = first_lines(TRACED)

        assert lines[0].startswith("PARTIAL  the command died with SIGSEGV; 1 site forbidden in a capture")
        assert lines[1] == "cublasCreate failed the capture: 900 cudaErrorStreamCaptureUnsupported"
        assert lines[2] == "  do: make the call before the capture, or move it out of the captured region"

    def test_one_that_never_worked(self) -> None:
        assert first_lines(FAILED)[0] == (
            "FAILED  fails without graphs, in warm-up: ValueError: never worked; no call was seen"
        )

    @pytest.mark.parametrize(
        ("audit", "line"),
        [
            (CLEAN_RUN, "CLEAN  no call in the captured region that a capture minds"),
            (EMPTY, "CLEAN  no call that matters to a capture was found"),
            (BARE, "CLEAN  no call that matters to a capture was found"),
            (ALL_KNOWN, "CLEAN  no new site, 2 known from the baseline"),
            (replace(BARE, status="partial"), "PARTIAL  no call was seen"),
            (
                replace(CLEAN_RUN, status="partial", status_reason="interrupted"),
                "PARTIAL  interrupted; no call that a capture minds was seen before",
            ),
            (replace(READ, sites=(READ_HANDLE,)), "WARNINGS  1 site forbidden in a capture"),
        ],
        ids=["clean", "empty", "bare", "known", "partial", "partial and clean", "warnings"],
    )
    def test_where_nothing_is_wrong(self, audit: Audit, line: str) -> None:
        assert first_lines(audit)[0] == line

    def test_a_baseline_makes_the_rest_new(self) -> None:
        lines = first_lines(COMPARED)

        assert lines[0] == "WARNINGS  1 new site forbidden in a capture, 1 known from the baseline"
        assert lines[1].startswith("cublasCreate at src/blas.cu:9")
        assert "cudaMemcpyAsync" not in shown(COMPARED)
        assert "not listed: 1 known site, 1 site outside of the captured region" in shown(COMPARED)
        assert "cudaMemcpyAsync" in shown(COMPARED, everything=True)

    def test_a_headline_of_which_nothing_else_is_known(self) -> None:
        audit = replace(RAN, sites=(), headline=Headline(api="RuntimeError", error="boom"))

        assert first_lines(audit)[1] == "RuntimeError failed the capture: boom"


class TestTheHeadlinesSite:
    @pytest.mark.parametrize(
        ("changes", "found"),
        [
            ({}, True),
            ({"api": "RuntimeError"}, True),
            ({"line": 44}, True),
            ({"line": 44, "api": "RuntimeError"}, False),
            ({"line": 60}, False),
            ({"file": "repository/engine/sample.py"}, True),
            ({"file": "sample.py"}, True),
            ({"file": "other_sample.py"}, False),
            ({"file": "other/sample.py"}, False),
            ({"file": ""}, False),
        ],
    )
    def test_it_is_found_by_line_and_call(self, changes: dict[str, object], found: bool) -> None:
        assert RAN.headline is not None
        audit = replace(RAN, headline=replace(RAN.headline, **changes))

        assert headline_position(audit) == (RAN.sites.index(WAIT) if found else None)

    def test_the_call_itself_before_others_of_its_line(self) -> None:
        copy = replace(UPLOAD, file=WAIT.file, line=WAIT.line, remedy="not this")
        audit = replace(RAN, sites=(copy, replace(WAIT, line=WAIT.line + 3), WAIT))

        assert headline_position(audit) == 2
        assert cause(audit).remedy == WAIT.remedy


class TestTheSites:
    def test_each_mistake_is_told_once_with_the_modes_and_what_to_do(self) -> None:
        other = replace(WAIT, line=99, function="Sampler.stop")
        page = shown(replace(RAN, sites=(WAIT, other, GROWTH)))

        assert page.count("GC101  it waits for work") == 1
        assert "  every capture mode refuses it: 900 cudaErrorStreamCaptureUnsupported\n" in page
        assert (
            "  global and thread_local mode refuse it: 900 cudaErrorStreamCaptureUnsupported; relaxed mode allows it\n"
            in page
        )
        assert re.search(
            r"engine/sample.py:41 Sampler.pick\(\) +cudaStreamSynchronize +sync +6 +- +warm-up 1, ", page
        )
        assert re.search(r"workspace.py:88.* cudaMalloc +alloc +1 +1.0 MiB +capture 1", page)

    def test_the_worst_fate_first(self) -> None:
        page = shown(RAN, everything=True)
        titles = re.findall(r"^(\S.*) \((\d+)\)$", page, flags=re.M)

        assert titles == [
            ("Forbidden in a capture", "1"),
            ("Recorded, and host memory is read or written again at each replay", "2"),
            ("Done at capture time only, and at no replay", "1"),
            ("Recorded, the same at each replay", "1"),
            ("Not in the captured region", "1"),
        ]

    def test_source_only_has_no_counts_and_a_chain(self) -> None:
        page = shown(READ)

        assert re.search(
            r"^- src/layer.cu:17 upload\(\)  cudaMemcpyAsync  h2d\n  if getenv", page, flags=re.M
        )
        assert "chain  Engine::forward_logits > Layer::run (src/engine.cu:120) > handle_for_thread" in page
        assert "2 places in 2 files could not be parsed" in page
        assert "src/odd.cu:3  a macro ends a block" in page
        assert "1 reached call through pointers could not be followed" in page

    def test_both_together_have_counts_beside_what_was_never_reached(self) -> None:
        page = shown(MERGED)

        assert re.search(
            r"src/layer.cu:17 upload\(\)  cudaMemcpyAsync  h2d  3 times: capture 1, elsewhere 2", page
        )
        assert re.search(r"src/blas.cu:9.* 0 times", page)
        assert "outside of engine/" in page

    def test_a_site_without_a_line(self) -> None:
        page = shown(TRACED, 400)

        assert (
            "libengine.so+0x41c0 void engine::pick<float, 8>(engine::Logits const&)  cudaStreamSynchronize"
            in page
        )
        assert ":0" not in page

    def test_many_sites_are_cut_and_counted(self) -> None:
        page, whole = shown(many(100)), shown(many(100), everything=True)

        assert page.count("Module") < whole.count("Module")
        assert f"and {40 - MAX_ROWS} sites more; --all lists them" in page
        assert (
            "not listed: 20 harmless sites, 20 sites outside of the captured region; --all lists them" in page
        )
        assert "--all" not in whole
        for n, site in enumerate(many(100).sites):
            assert f"{site.place} " in whole, n

    def test_it_ends_with_where_it_is_and_how_to_see_more(self) -> None:
        assert shown(RAN).endswith(
            "saved: .graphcheck/audits/1/audit.json\nas a page: imp-graphcheck report .graphcheck/audits/1\n"
        )


class TestWidths:
    @pytest.mark.parametrize("width", WIDTHS)
    @pytest.mark.parametrize("audit", AUDITS.values(), ids=AUDITS)
    def test_nothing_is_cut_and_nothing_runs_over(self, audit: Audit, width: int) -> None:
        for everything in (False, True):
            page = shown(audit, width, everything=everything, terminal=True)
            lines = re.sub(r"\x1b\[[0-9;]*m", "", page).splitlines()
            assert "\u2026" not in page or "\u2026" in repr(audit)
            # A path or a command is never broken: it must stay one thing to select.
            long = [
                line
                for line in lines
                if len(line) > width and not line.startswith(("saved: ", "as a page: "))
            ]
            assert long == []

    def test_rows_where_they_fit_and_lines_where_they_do_not(self) -> None:
        narrow, wide = shown(RAN, 60), shown(RAN, 120)

        assert (
            "- engine/sample.py:41 Sampler.pick()\n  cudaStreamSynchronize  sync\n  6 times: warm-up 1, eager 4"
            in narrow
        )
        assert "- engine/batch.py:12 stage()\n  cudaMemcpyAsync  h2d\n  4 times, 4.0 KiB: eager 4" in narrow
        assert re.search(r"^site +call +class +count +bytes +phase *$", wide, flags=re.M)
        assert re.search(
            r"^engine/batch.py:12 stage\(\) +cudaMemcpyAsync +h2d +4 +4.0 KiB +eager 4", wide, flags=re.M
        )

    def test_forty_columns_show_all_that_matters_without_scrolling(self) -> None:
        page = re.sub(r"\x1b\[[0-9;]*m", "", shown(RAN, 40, terminal=True))
        screen = " ".join("".join(page.splitlines(keepends=True)[:12]).split())

        assert cause(RAN).sentence in screen
        assert cause(RAN).remedy in screen
        assert "the program saw: AcceleratorError" in screen

    def test_sentences_stay_lines_in_a_pipe(self) -> None:
        assert [line.split("  ")[0] for line in shown(RAN, 40).splitlines()[:3]] == [
            "FINDINGS",
            cause(RAN).sentence,
            "",
        ]

    @pytest.mark.parametrize("width", [40, 80, 100, 105, 120, 200])
    @pytest.mark.parametrize("place", ["a.py", "engine/runtime/" + "x" * 24 + ".py", "x/" * 60 + "a.py"])
    def test_every_letter_of_a_row_is_there(self, width: int, place: str) -> None:
        marks = {name: f"{name}-{'begin' * 9}-{name}-end" for name in ("function", "api", "note", "guard")}
        site = replace(
            WAIT,
            file=place,
            function=marks["function"],
            api=marks["api"],
            notes=(marks["note"],),
            guard=marks["guard"],
            bytes_total=123_456_789_012,
            count=123_456_789,
        )
        rows = shown(replace(RAN, headline=None, sites=(site,)), width)
        for name, mark in marks.items():
            letters = Counter(mark)
            assert not letters - Counter(rows), name
        assert "123456789" in rows
        assert "115.0 GiB" in rows

    def test_a_place_stays_in_one_piece(self) -> None:
        site = replace(UPLOAD, file="engine/runtime/attention_backend.py", line=1234, function="f" * 60)
        page = shown(replace(RAN, headline=None, sites=(site,)), 120)

        assert "\n- engine/runtime/attention_backend.py:1234 fff" in page

    def test_names_of_templates_do_not_drown_the_rest(self) -> None:
        name = "void cutlass::Kernel<" + "cutlass::arch::Sm90, " * 200 + ">(Params)"
        page = shown(replace(RAN, sites=(replace(WAIT, function=name),)), 120)

        assert len(page.splitlines()) < 40
        whole = shown(replace(RAN, sites=(replace(WAIT, function=name),)), 400)
        assert re.search(r"void cutlass::Kernel<cutlass::arch::Sm90.* \.\.\. .*>\(Params\) ", whole)


class TestWhatAProgramSays:
    @pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
    def test_no_control_reaches_the_terminal(self, text: str) -> None:
        for width in WIDTHS:
            page = shown(audit_with(text), width, everything=True, terminal=True)
            own = re.sub(r"\x1b\[[0-9;]*m", "", page)
            assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e\u2028]", own)
            assert "\x1b[31m\x07" not in page

    def test_brackets_are_no_markup(self) -> None:
        page = shown(audit_with("[bold red]x[/] [link=//elsewhere]y[/link] :boom:"), 400)

        assert "[bold red]x[/] [link=//elsewhere]y[/link] :boom:" in page

    def test_no_colours_where_none_are_wanted(self) -> None:
        file = io.StringIO()
        print_audit(
            RAN, SAVED, Console(file=file, force_terminal=True, _environ={"NO_COLOR": "1", "TERM": "xterm"})
        )

        assert not re.search(r"\x1b\[[0-9;]*3[0-7]", file.getvalue())
        assert "\x1b" not in shown(RAN)

    def test_a_directory_with_blanks_can_be_pasted(self) -> None:
        file = io.StringIO()
        print_audit(RAN, Path("my audits/1"), Console(file=file, width=80))

        assert "imp-graphcheck report 'my audits/1'" in file.getvalue()


class TestWords:
    def test_modes(self) -> None:
        assert (
            refusals_in_words(WAIT) == "every capture mode refuses it: 900 cudaErrorStreamCaptureUnsupported"
        )
        assert refusals_in_words(replace(WAIT, modes={"global": "906"})) == (
            "global mode refuses it: 906; thread_local and relaxed mode allow it"
        )
        assert refusals_in_words(replace(WAIT, modes={"global": "1", "thread_local": "2", "odd": "3"})) == (
            "global mode refuses it: 1; thread_local mode refuses it: 2; relaxed mode allows it; odd mode refuses it: 3"
        )

    @pytest.mark.parametrize(
        ("name", "shown_as"),
        [
            ("f", "f()"),
            ("int f(char)", "int f(char)"),
            ("<unknown>", "<unknown>"),
            ("", ""),
            ("<lambda>", "<lambda>()"),
        ],
    )
    def test_functions(self, name: str, shown_as: str) -> None:
        assert called(name) == shown_as

    def test_places(self) -> None:
        assert where(WAIT) == "engine/sample.py:41 Sampler.pick()"
        assert where(TRACED.sites[1]) == "<unknown>"

    def test_a_condition_is_said_once(self) -> None:
        known, other = READ_HANDLE.notes[0], "the first call only: !(other); nothing makes it before"
        site = replace(READ_HANDLE, reachable="yes", notes=(known, other, "a: b", "plain"))

        assert conditions(site) == (
            "if !(handle)",
            "the first call only; nothing makes it before",
            other,
            "a: b",
            "plain",
        )

    def test_the_middle_of_a_long_text_is_left_out(self) -> None:
        assert shortened("a" * 10, 10) == "a" * 10
        assert shortened("a" * 60 + "b" * 60, 30) == "a" * 20 + " ... " + "b" * 10

    def test_scope(self) -> None:
        assert scope(RAN) == "model on cuda, calls traced by CUPTI"
        assert scope(TRACED) == "engine, calls traced by CUPTI 13, 1 process"
        assert scope(MERGED).startswith(
            "engine, calls traced by CUPTI 13, 1 process; 77 of 410 functions below"
        )
        assert scope(BARE) == ""

    def test_known_sites_do_not_fail(self) -> None:
        assert [title(audit) for audit in (RAN, READ, COMPARED, ALL_KNOWN)] == [
            "findings",
            "findings",
            "warnings",
            "clean",
        ]
        assert title(replace(ALL_KNOWN, headline=RAN.headline)) == "findings", (
            "a capture that fails is no known site"
        )

    def test_what_is_fixed_is_no_finding(self) -> None:
        assert title(replace(RAN, headline=None, sites=(INSIDE,))) == "clean"
        assert summary(replace(RAN, headline=None, sites=(INSIDE,))) == (
            "no call in the captured region that a capture minds"
        )

    def test_a_deep_chain_is_shortened(self) -> None:
        deep = replace(
            READ_UPLOAD, chain=tuple(Step(function=f"f{n}", file="a.cu", line=n + 1) for n in range(500))
        )
        (line,) = [
            line for line in shown(replace(READ, sites=(deep,))).splitlines() if line.startswith("chain")
        ]

        assert line.startswith("chain  f0 (a.cu:1) > f1")
        assert line.endswith("> f499 (a.cu:500) > cudaMemcpyAsync (src/layer.cu:17)")
        assert len(line) < 1200
