"""The HTML page: whole, safe, small, and its numbers are those of the record."""

import json
import math
import re
import time
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from imp_graphcheck.record.run import Run
from imp_graphcheck.record.site import Site
from imp_graphcheck.record.store import encode_run
from imp_reports.ownership import memory_of
from imp_reports.page import render_page
from imp_reports.page.charts import ZERO, distance_chart, timing_chart
from imp_reports.page.excerpts import Sources
from imp_reports.page.facts import resolved
from imp_reports.page.memory_map import MAX_COLUMNS, memory_map
from imp_reports.page.view import MAX_CALLS, MAX_MAPS
from tests.reports.large import HOSTILE, calls, hostile, large
from tests.reports.page_reader import Reader
from tests.reports.runs import BROKEN, CALL, CLEAN, GRAPH

NOWHERE = Sources((), "")
VERDICTS = ["clean", "findings", "inconclusive", "failed", "interrupted", "running"]
MEGABYTES = 5_000_000
BUDGET = 500_000


def page_of(run: Run, sources: Sources = NOWHERE) -> str:
    return render_page(run, titles={"GC202": "graph points at unmapped memory"}, sources=sources)


@pytest.mark.parametrize(
    "run", [CLEAN, BROKEN, large(), hostile()], ids=["clean", "broken", "large", "hostile"]
)
def test_numbers_are_those_of_the_document(run: Run) -> None:
    document = json.loads(encode_run(run))
    read = Reader(page_of(run))

    assert len(read.facts) >= 9
    assert len(read.counts) >= 4
    for pointer, value in read.facts.items():
        assert json.loads(value) == resolved(document, pointer), pointer
    for pointer, value in read.counts.items():
        assert int(value) == len(resolved(document, pointer)), pointer


def test_every_call_that_differs_has_its_numbers() -> None:
    run = large(compared=60)
    read = Reader(page_of(run))
    odd = [n for n, call in enumerate(run.calls) if call.agreement not in ("identical", "noise")]

    assert len(odd) == 40
    for n in odd:
        assert json.loads(read.facts[f"/calls/{n}/max_abs_delta"]) == run.calls[n].max_abs_delta
        assert json.loads(read.facts[f"/calls/{n}/nan_count"]) == run.calls[n].nan_count


def test_dots_and_floor_of_the_page_lie_where_the_document_says() -> None:
    run = replace(CLEAN, calls=calls(60))
    document = json.loads(encode_run(run))["calls"]
    page = page_of(run).split("<h2>Captured against eager")[1].split("<h2>")[0]
    scale = {label: float(y) for y, label in re.findall(r'top:([\d.]+)%">([^<]+)<', page)}
    ticks = sorted((math.log10(float(label)), y) for label, y in scale.items() if label.startswith("1e"))
    (low, bottom), (high, top) = ticks[0], ticks[-1]

    def height(value: float) -> float:
        return bottom + (top - bottom) * (math.log10(value) - low) / (high - low) if value else scale["0"]

    dots = {int(x): float(y) for x, y in re.findall(r"M(\d+) ([\d.]+)h0", page)}
    (floor,) = re.findall(r'<path class="floor" d="([^"]+)"', page)
    steps = [float(y) for y in re.findall(r"V([\d.]+)h1", floor)]

    assert sorted(dots) == list(range(len(document)))
    assert len(steps) == len(document)
    for n, call in enumerate(document):
        value, noise = call["max_abs_delta"], call["noise_max_abs_delta"]
        assert dots[n] == pytest.approx(scale["none"] if value is None else height(value), abs=0.1), n
        assert steps[n] == pytest.approx(height(noise), abs=0.1), n


@pytest.mark.parametrize("verdict", VERDICTS)
def test_the_verdict_and_its_cause_come_first(verdict: Any) -> None:
    shown = Reader(page_of(replace(CLEAN, verdict=verdict, verdict_reason="the reason"))).shown

    start = shown.index(verdict.capitalize())
    assert 0 < start < shown.index("the reason") < shown.index("Stages") < shown.index("Origin")


def test_a_finding_comes_with_its_lines_and_what_to_do() -> None:
    shown = Reader(page_of(large())).shown

    for text in (
        "graph points at unmapped memory",
        "keep the allocation alive as long as the graph",
        "allocated engine/layers.py:11 forward()",
        "freed engine/layers.py:12 forward()",
        "launched engine/layers.py:13 forward()",
        "scratch writes engine.scratch (unmapped)",
        "then illegal memory access in the replay",
    ):
        assert text in shown


def test_it_needs_nothing_else() -> None:
    page = page_of(large())
    read = Reader(page)

    assert "default-src 'none'" in page
    assert not re.search(r"https?://", page)
    assert not {tag for tag, _ in read.elements} & {
        "link",
        "img",
        "iframe",
        "object",
        "embed",
        "base",
        "form",
    }
    assert not [attributes for _, attributes in read.elements if "src" in attributes]


def test_a_thousand_nodes_are_small_and_fast() -> None:
    run = large(100)
    assert len(run.graphs[0].nodes) == 1000

    start = time.perf_counter()
    page = page_of(run)

    assert len(page.encode()) < BUDGET < MEGABYTES
    assert time.perf_counter() - start < 10


def test_ten_thousand_nodes_and_calls_stay_below_the_limit() -> None:
    page = page_of(large(1000, compared=10_000))

    assert len(page.encode()) < MEGABYTES
    differing = sum(call.agreement not in ("identical", "noise") for call in calls(10_000))
    assert f"{differing - MAX_CALLS} differing calls more" in Reader(page).shown


def test_text_of_the_program_stays_text() -> None:
    page = page_of(hostile())
    read = Reader(page)

    assert "<script>alert" not in page
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202e]", page)
    assert "49" not in re.findall(r"\b49\b", read.shown), "a template inside a name was evaluated"
    assert "{{ 7 * 7 }}" in read.shown
    assert "\\x1b[31m" in read.shown
    scripts = [attributes for tag, attributes in read.elements if tag == "script"]
    assert [attributes.get("type") for attributes in scripts] == ["application/json", None]


def test_names_survive_in_the_data_of_the_map() -> None:
    page = page_of(hostile())
    (data,) = re.findall(r'<script type="application/json">(.*?)</script>', page)

    assert HOSTILE in json.loads(data)["texts"]


@pytest.mark.parametrize(
    "run",
    [
        replace(CLEAN, stages=(), calls=(), state=(), graphs=(), speed=None, replays=0),
        replace(CLEAN, graphs=(replace(GRAPH, nodes=()),)),
        replace(
            CLEAN, calls=tuple(replace(CALL, max_abs_delta=None, noise_max_abs_delta=None) for _ in range(3))
        ),
        replace(CLEAN, graphs=(GRAPH, GRAPH), started_at="not a time"),
    ],
    ids=["bare", "empty graph", "no numbers", "captured twice"],
)
def test_little_is_enough(run: Run) -> None:
    assert "</html>" in page_of(run)


def test_only_some_of_many_graphs_are_drawn_the_accused_first() -> None:
    run = large(10)
    graphs = tuple(replace(run.graphs[0], key=f"key {n}") for n in range(20))
    many = replace(run, graphs=graphs, findings=(replace(run.findings[0], graph="key 19"),))

    page = page_of(many)

    assert page.count('class="map"') == MAX_MAPS
    assert 'data-nodes="100"' in page.split('id="g20"')[1]


def test_calls_that_ran_eagerly_are_no_good_news() -> None:
    eager = tuple(replace(call, path="eager") for call in CLEAN.calls)
    run = replace(CLEAN, calls=eager, graphs=(), replays=0, verdict="inconclusive")
    read = Reader(page_of(run))
    chart = distance_chart(run)

    assert chart is not None
    assert set(chart.dots) == {"aside"}
    assert "12 of 12 calls ran eagerly in the captured arm too" in read.shown
    assert "identical" not in [attributes.get("class") for tag, attributes in read.elements if tag == "span"]


def test_the_first_screen_says_where_and_what_next() -> None:
    shown = Reader(page_of(BROKEN)).shown
    first = shown[: shown.index("replays")]

    for text in ("Findings", BROKEN.findings[1].message, "allocated engine.py:120", "freed engine.py:131"):
        assert text in first
    assert "do:" in page_of(BROKEN)
    assert "allocate the scratch buffer once" in first
    assert "after the change: imp-graphcheck capture qwen3-moe-tiny --device sim" in first


def test_the_speed_of_the_software_gpu_is_not_a_headline() -> None:
    shown = Reader(page_of(CLEAN)).shown
    on_a_card = Reader(page_of(replace(CLEAN, target=replace(CLEAN.target, device="cuda")))).shown

    assert "eager / captured" not in shown[: shown.index("Stages")]
    assert "on the software GPU, which says nothing" in shown
    assert "eager / captured" in on_a_card[: on_a_card.index("Stages")]


class TestMemoryMap:
    def test_dead_memory_comes_first_and_layers_share_a_row(self) -> None:
        run = large(100)
        found = memory_map(run.graphs[0], memory_of(run))

        assert found is not None
        assert [(row.label, row.dead, row.allocations, row.nodes) for row in found.rows] == [
            ("engine.scratch", True, 1, 100),
            ("model.layers[*].weight", False, 100, 1000),
            ("cache.keys", False, 1, 100),
        ]
        assert found.rows[0].writes.count("M") == 100
        assert found.pool is not None
        assert (found.pool.allocations, found.pool.places) == (200, 7)

    def test_many_nodes_share_columns(self) -> None:
        run = large(1000)
        found = memory_map(run.graphs[0], memory_of(run))

        assert found is not None
        assert (found.nodes_per_column, found.columns) == (5, MAX_COLUMNS)

    def test_words_that_are_no_pointers_are_left_out(self) -> None:
        run = large(1)
        node = run.graphs[0].nodes[3]
        params = tuple(
            replace(param, pointers=tuple(replace(p, confirmed=False) for p in param.pointers))
            for param in node.params
        )
        graph = replace(run.graphs[0], nodes=(replace(node, index=0, params=params),))

        assert memory_map(graph, memory_of(run)) is None


class TestCharts:
    def test_zero_has_a_lane_of_its_own_and_the_floor_is_drawn(self) -> None:
        chart = distance_chart(replace(CLEAN, calls=calls(12)))

        assert chart is not None
        assert f"M0 {ZERO:g}h0" in chart.dots["identical"]
        assert set(chart.dots) == {"identical", "noise", "diverged", "nonfinite"}
        assert sum(path.count("M") for path in chart.dots.values()) == 12
        assert chart.floor.count("h1") == 12
        assert chart.passes == (6,)
        assert chart.has_zero
        assert chart.has_no_number

    def test_larger_is_higher(self) -> None:
        pair = (replace(CALL, max_abs_delta=1e-6), replace(CALL, max_abs_delta=1e3))
        chart = distance_chart(replace(CLEAN, calls=tuple(replace(c, agreement="diverged") for c in pair)))

        assert chart is not None
        low, high = (float(y) for y in re.findall(r"M\d+ ([\d.]+)h0", chart.dots["diverged"]))
        assert high < low
        assert 2 <= len(chart.ticks) <= 6

    def test_pairs_are_joined(self) -> None:
        chart = timing_chart(CLEAN.speed)

        assert chart is not None
        assert (
            chart.columns
            == chart.eager.count("M")
            == chart.captured.count("M")
            == chart.links.count("V")
            == 3
        )


class TestExcerpts:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        file = tmp_path / "program.py"
        file.write_text("\n".join(f"line {n}" for n in range(1, 11)))
        return file

    def test_lines_around_the_site(self, file: Path, tmp_path: Path) -> None:
        excerpt = Sources((tmp_path,), "").around(Site(file=str(file), line=5, function="f"))

        assert [(line.number, line.text, line.hit) for line in excerpt.lines][1:4] == [
            (4, "line 4", False),
            (5, "line 5", True),
            (6, "line 6", False),
        ]
        assert excerpt.remark == ""

    @pytest.mark.parametrize(
        ("name", "line", "words"),
        [
            ("gone.py", 1, "the file is not here"),
            ("long" * 100 + ".py", 1, "the file is not here"),
            ("program.py", 99, "has 10 lines now"),
            ("program.py", 0, "has 10 lines now"),
            ("secret.txt", 1, "not a source file"),
            ("../outside.py", 1, "outside the folders"),
            ("/etc/outside.py", 1, "outside the folders"),
            ("program\0.py", 1, "not a source file"),
            ("link.py", 1, "outside the folders"),
            ("latin.py", 1, "source not shown"),
        ],
    )
    def test_why_there_is_none(self, file: Path, tmp_path: Path, name: str, line: int, words: str) -> None:
        root = tmp_path / "root"
        root.mkdir()
        file.rename(root / file.name)
        (tmp_path / "outside.py").write_text("secret")
        (root / "secret.txt").write_text("secret")
        (root / "latin.py").write_bytes(b"\xff\xfe\xfa")
        (root / "link.py").symlink_to(tmp_path / "outside.py")

        excerpt = Sources((root,), "").around(Site(file=name, line=line, function="f"))

        assert excerpt.lines == ()
        assert words in excerpt.remark

    def test_a_file_that_was_changed_since_is_doubted(self, file: Path, tmp_path: Path) -> None:
        site = Site(file=str(file), line=5, function="f")

        assert "changed after the run" in Sources((tmp_path,), "2000-01-01T00:00:00Z").around(site).remark
        assert Sources((tmp_path,), "2900-01-01T00:00:00Z").around(site).remark == ""
