"""Every form of a run and of a bisection, with content that a program under test may put there."""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.console import Console

from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.graph import GraphTrace, Node, Param
from imp_graphcheck.record.run import Run, Speed, Stage, StateComparison
from imp_graphcheck.record.site import Site
from imp_graphcheck.rules import RULES
from imp_reports.bisection_formats import rendered_bisection
from imp_reports.bisection_text import print_bisection
from imp_reports.console import print_run
from imp_reports.csv_file import guarded
from imp_reports.formats import Rendering, rendered
from imp_reports.graph_document import inspect_document
from imp_reports.graph_text import GraphPage, print_graphs
from imp_reports.selection import Selection
from imp_reports.tables import TABLE_NAMES
from imp_reports.text import visible
from tests.reports.bisections import bisection_with
from tests.reports.page_reader import Reader
from tests.reports.runs import CALL, CLEAN

TEXTS = {
    "script": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "pipes": "a | b || c",
    "backticks": "``` `code` ```",
    "lines": "one\ntwo\r\nthree\u2028four",
    "emoji": "\U0001f9ea kernel \U0001f469\u200d\U0001f52c \u00e9\u4e2d\u6587",
    "long": "void cutlass::Kernel<" + "x" * 200 + ">",
    "controls": "\x00\x1b[31m\x07\u202e",
    "formula": '=HYPERLINK("//elsewhere", "click")',
    "carriage return": "one\rtwo",
    "quotes": "a \"quoted\", 'cell', of; a table",
    "empty": "",
}

EVERYWHERE = pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)

NUMBERS = {
    "nan": float("nan"),
    "inf": float("inf"),
    "-inf": float("-inf"),
    "denormal": 5e-324,
    "huge": 1.7e308,
}


def run_with(text: str) -> Run:
    site = Site(file=text, line=0, function=text)
    node = Node(index=0, kind="kernel", name=text, op=text, launch=0, params=(Param(name=text, data="ff"),))
    return replace(
        CLEAN,
        verdict="findings",
        verdict_reason=text,
        target=replace(CLEAN.target, name=text, detail={text: text}),
        environment={text: text},
        stages=(Stage(name=text, status="ok", seconds=0.0, detail=text),),
        graphs=(GraphTrace(key=text, nodes=(node,), capture_seconds=0.0, pool_bytes=None, sites=(site,)),),
        calls=(replace(CALL, key=text, label=text, agreement="diverged", layouts=text),),
        state=(StateComparison(name=text, sweep=0, bytes_total=1, bytes_different=1),),
        fallbacks={text: 1},
        findings=(
            Finding(
                code="GC202",
                severity="error",
                confidence="confirmed",
                message=text,
                remedy=text,
                graph=text,
                node=0,
                kernel=text,
                argument=text,
                allocation_site=site,
                consequences=(text,),
            ),
        ),
        notes=(text,),
    )


KNOWN_ELEMENTS = {
    (tag, frozenset(held))
    for text in ("x", "one\ntwo")
    for tag, held in Reader(rendered(run_with(text), "html", Rendering(rules=RULES)).decode()).elements
}
"""What the page itself is made of: no text of a program adds to it."""


def forms(text: str, name: Any) -> list[bytes]:
    rendering = Rendering(rules=RULES)
    return [
        rendered(run_with(text), name, rendering),
        rendered_bisection(
            bisection_with(text), name, rendering, directory=Path("there"), first=run_with(text)
        ),
    ]


def on_a_terminal(print_it: Any) -> str:
    file = io.StringIO()
    print_it(Console(file=file, width=40, force_terminal=True, color_system="truecolor", _environ={}))
    return file.getvalue()


@EVERYWHERE
def test_pages_hold_no_markup_of_the_program(text: str) -> None:
    for page in forms(text, "html"):
        read = Reader(page.decode())
        assert not [attributes for _, attributes in read.elements if "onerror" in attributes]
        assert "img" not in {tag for tag, _ in read.elements}
        assert page.decode().count("</html>") == 1
        assert not re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", page)


@EVERYWHERE
def test_sarif_junit_and_json_can_be_read(text: str) -> None:
    for document in forms(text, "sarif"):
        assert json.loads(document)["runs"][0]["results"]
    for document in forms(text, "junit"):
        assert Xml.fromstring(document).findall(".//failure")


@EVERYWHERE
def test_a_row_of_a_table_stays_one(text: str) -> None:
    for page in forms(text, "md"):
        blocks = [block.splitlines() for block in page.decode().split("\n\n") if block.startswith("| ")]
        assert blocks
        for rows in blocks:
            assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) == 1, rows
        outside = re.sub(r"(`+).*?\1", "", page.decode(), flags=re.S)
        assert not re.search(r"<(?!/?(details|summary)>)", outside)


@EVERYWHERE
def test_csv_reads_back(text: str) -> None:
    for document in forms(text, "csv"):
        rows = list(csv.DictReader(io.StringIO(document.decode(), newline="")))
        assert {row["code"] for row in rows} == {"GC202"}
        assert {row["message"] for row in rows} == {guarded(text)}
        assert {row["message"] for row in rows} <= {text, "'" + text}


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_no_cell_is_a_formula(start: str) -> None:
    for name in TABLE_NAMES:
        document = rendered(run_with(f"{start}1+cmd|' /C calc'!A0"), "csv", Rendering(table=name))
        rows = list(csv.reader(io.StringIO(document.decode(), newline="")))
        texts = [cell for row in rows[1:] for cell in row if "calc" in cell]
        assert bool(texts) == (name not in ("memory", "pointers")), "those are empty here"
        assert all(cell.startswith("'" + start) or cell[0] not in "=+-@\t\r\n" for cell in texts), texts


def test_numbers_below_zero_are_no_formulas() -> None:
    run = replace(run_with("x"), calls=(replace(CALL, kld=-0.25),))
    (row,) = csv.DictReader(io.StringIO(rendered(run, "csv", Rendering(table="calls")).decode(), newline=""))
    assert row["kld"] == "-0.25"


@settings(max_examples=60, deadline=None)
@given(text=st.text(max_size=250))
def test_any_text_stays_one_cell_one_message_and_no_markup(text: str) -> None:
    run, rendering = run_with(text), Rendering(rules=RULES)

    (row,) = csv.DictReader(io.StringIO(rendered(run, "csv", rendering).decode(), newline=""))
    assert row["message"] == guarded(text)
    (result,) = json.loads(rendered(run, "sarif", rendering))["runs"][0]["results"]
    assert visible(text.rstrip(".")) in result["message"]["text"]
    (failed,) = Xml.fromstring(rendered(run, "junit", rendering)).findall(
        "testsuite[@name='findings']/testcase/failure"
    )
    assert visible(text.rstrip(".")) in failed.attrib["message"]
    read = Reader(rendered(run, "html", rendering).decode())
    assert {(tag, frozenset(held)) for tag, held in read.elements} <= KNOWN_ELEMENTS


@EVERYWHERE
def test_terminals_get_no_control_of_the_program(text: str) -> None:
    run, bisection = run_with(text), bisection_with(text)
    page = GraphPage(graphs=(0,), selection=Selection(nodes=(0, 0)), limit=10, word="latest")
    for shown in (
        on_a_terminal(lambda console: print_run(run, Path("there"), console)),
        on_a_terminal(lambda console: print_bisection(bisection, Path("there"), console)),
        on_a_terminal(lambda console: print_graphs(run, page, console)),
    ):
        own = re.sub(r"\x1b\[[0-9;]*m", "", shown)
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e]", own)
        assert "\x1b[31m\x07" not in shown


@pytest.mark.parametrize("value", NUMBERS.values(), ids=NUMBERS)
@pytest.mark.parametrize("name", ["html", "json", "csv", "sarif", "junit", "md"])
def test_no_number_breaks_a_form(value: float, name: Any) -> None:
    call = replace(
        CALL,
        agreement="diverged",
        max_abs_delta=value,
        noise_max_abs_delta=value,
        kld=value,
        top1_agreement=value,
    )
    speed = Speed(eager_seconds=(value, 1.0), captured_seconds=(1.0, value), ratio_median=value)
    run = replace(
        CLEAN, calls=(call,), speed=speed, graphs=(replace(CLEAN.graphs[0], capture_seconds=value),)
    )

    document = rendered(run, name, Rendering(rules=RULES))

    if name == "html":
        facts = Reader(document.decode()).facts
        saved = json.loads(rendered(run, "json", Rendering()))["calls"][0]["max_abs_delta"]
        assert json.loads(facts["/calls/0/max_abs_delta"]) == saved
        assert not re.search(r'(?: d|top|left)="[^"]*(?:nan|inf)', document.decode())
    else:
        assert document


@pytest.mark.parametrize("name", ["html", "json", "csv", "sarif", "junit", "md"])
@pytest.mark.parametrize(
    "run",
    [
        replace(CLEAN, stages=(), calls=(), state=(), graphs=(), speed=None, replays=0),
        replace(CLEAN, graphs=(replace(CLEAN.graphs[0], nodes=()),), stages=()),
    ],
    ids=["nothing", "zero nodes"],
)
def test_little_is_enough(run: Run, name: Any) -> None:
    assert rendered(run, name, Rendering(rules=RULES))
    assert "CLEAN" in on_a_terminal(lambda console: print_run(run, Path("there"), console))
    graphs = tuple(range(len(run.graphs)))
    assert len(json.loads(inspect_document(run, graphs, Selection()))["graphs"]) == len(run.graphs)
