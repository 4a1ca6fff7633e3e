"""The sites of an audit as a table: columns that other tools rely on, one line for each site, no formulas."""

import csv
import io
import re
from io import BytesIO

import pandas
import pytest
from msgspec.structs import replace

from imp_graphcheck.record.audit import Audit
from imp_reports.audit_table import COLUMNS, audit_csv, audit_parquet, audit_table
from imp_reports.csv_file import guarded
from imp_reports.text import visible
from tests.reports.audits import (
    BARE,
    EMPTY,
    HOSTILE_AUDIT,
    NAMED,
    RAN,
    READ,
    READ_HANDLE,
    WAIT,
    audit_with,
    many,
)
from tests.reports.test_odd_content import TEXTS

PROMISED = [
    "file",
    "line",
    "function",
    "api",
    "class",
    "reachable",
    "guard",
    "verdict",
    "chain",
    "count",
    "bytes",
]
AUDITS = pytest.mark.parametrize(
    "audit", [*NAMED.values(), HOSTILE_AUDIT, many(50)], ids=[*NAMED, "hostile", "many"]
)


def rows_of(audit: Audit) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(audit_csv(audit).decode(), newline="")))


def test_columns_that_others_rely_on_come_first() -> None:
    assert list(COLUMNS)[: len(PROMISED)] == PROMISED
    for audit in (RAN, READ, EMPTY, BARE):
        header = audit_csv(audit).decode().splitlines()[0]
        assert header.split(",") == list(COLUMNS)


def test_a_site_that_ran() -> None:
    row = rows_of(RAN)[RAN.sites.index(WAIT)]

    assert {name: row[name] for name in PROMISED} == {
        "file": "engine/sample.py",
        "line": "41",
        "function": "Sampler.pick",
        "api": "cudaStreamSynchronize",
        "class": "sync",
        "reachable": "yes",
        "guard": "",
        "verdict": "forbidden",
        "chain": "",
        "count": "6",
        "bytes": "",
    }
    assert row["phase"] == "warm-up 1, eager 4, capture 1"
    assert row["code"] == "GC101"
    assert row["fix"] == WAIT.remedy
    assert row["modes"].startswith("global: 900 cudaErrorStreamCaptureUnsupported; thread_local: 900 ")


def test_a_site_that_was_read() -> None:
    row = rows_of(READ)[READ.sites.index(READ_HANDLE)]

    assert (row["reachable"], row["guard"], row["count"], row["bytes"]) == ("maybe", "!(handle)", "", "")
    assert row["chain"] == (
        "Engine::forward_logits > Layer::run (src/engine.cu:120) > handle_for_thread (src/layer.cu:50)"
    )


@AUDITS
def test_one_line_for_each_site_and_nothing_but_text_in_it(audit: Audit) -> None:
    data = audit_csv(audit).decode()
    rows = rows_of(audit)

    assert len(data.splitlines()) == len(rows) + 1 == len(audit.sites) + 1
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e]", data)
    for row, site in zip(rows, audit.sites, strict=True):
        assert row["class"] == site.kind
        assert row["verdict"] == site.fate
        assert row["reachable"] == site.reachable
        assert row["line"] == str(site.line)
        assert row["count"] == ("" if site.count is None else str(site.count))
        assert row["bytes"] == ("" if site.bytes_total is None else str(site.bytes_total))


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_words_of_a_program_are_cells(text: str) -> None:
    for row in rows_of(audit_with(text)):
        for name in ("file", "function", "api", "guard", "reason", "fix", "notes", "text", "host", "threads"):
            assert row[name] in ("", guarded(visible(text))), name


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_no_cell_is_a_formula(start: str) -> None:
    rows = rows_of(audit_with(f"{start}1+cmd|' /C calc'!A0"))
    cells = [cell for row in rows for cell in row.values() if "calc" in cell]

    assert cells
    assert all(cell[0] not in "=+-@\t\r\n" for cell in cells), cells
    assert [row["function"] for row in rows] == [guarded(visible(f"{start}1+cmd|' /C calc'!A0"))] * 3


def test_missing_numbers_do_not_make_floats() -> None:
    audit = replace(RAN, sites=(*RAN.sites, READ_HANDLE))
    frame = pandas.read_csv(BytesIO(audit_csv(audit)), dtype={"count": "Int64", "line": "Int64"})

    assert ".0," not in audit_csv(audit).decode()
    assert frame["count"].isna().sum() == 1
    assert list(frame["line"]) == [site.line for site in audit.sites]


@AUDITS
def test_parquet_keeps_types_and_every_character(audit: Audit) -> None:
    pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")

    read = pandas.read_parquet(BytesIO(audit_parquet(audit)))

    pandas.testing.assert_frame_equal(read, audit_table(audit), check_dtype=False)
    assert list(read["function"]) == [site.function for site in audit.sites]
    assert {name: str(kind) for name, kind in audit_table(audit).dtypes.items()} == COLUMNS
