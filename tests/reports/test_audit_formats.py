"""Every format of an audit, and audits of every shape."""

import csv
import io
import json
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from msgspec.structs import replace
from rich.console import Console

from imp_graphcheck.record.audit import AUDIT_VERSION, Audit
from imp_graphcheck.record.audit_store import decode_audit, encode_audit
from imp_graphcheck.rules import RULES
from imp_reports.audit_formats import AUDIT_FORMATS, AUDIT_SUFFIXES, AuditFormat, rendered_audit
from imp_reports.audit_text import print_audit
from imp_reports.formats import FILE_FORMATS, Rendering
from tests.record.strategies import records
from tests.reports.audits import HOSTILE_AUDIT, NAMED, READ, audit_with, many
from tests.reports.page_reader import Reader

ALL = {**NAMED, "many": many(60), "hostile": HOSTILE_AUDIT, "long": audit_with("long" * 2000 + ".cu")}
TEXTUAL: tuple[AuditFormat, ...] = ("html", "json", "csv", "sarif", "md")
RENDERING = Rendering(rules=RULES, roots=(Path("/home/ci/repository"),))
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u202e]")
CONTROLS_OF_JSON = re.compile("[\x00-\x08\x0b-\x1f]")
"""The document holds what was said, by the rules of JSON; every other format is for people or for their tools."""


def controls(name: AuditFormat, data: bytes) -> "re.Match[str] | None":
    return (CONTROLS_OF_JSON if name == "json" else CONTROLS).search(data.decode())


KNOWN_ELEMENTS = {
    (tag, frozenset(held))
    for audit in (*NAMED.values(), many(60), audit_with("x"), audit_with("one\ntwo"))
    for tag, held in Reader(rendered_audit(audit, "html", RENDERING).decode()).elements
}
"""What the page itself is made of: no text of a program adds to it."""


@pytest.mark.parametrize("audit", ALL.values(), ids=ALL)
@pytest.mark.parametrize("name", [name for name in AUDIT_FORMATS if name != "parquet"])
def test_every_format_takes_every_audit(audit: Audit, name: AuditFormat) -> None:
    data = rendered_audit(audit, name, RENDERING)

    assert data.endswith(b"\n") or name == "html"
    assert controls(name, data) is None


def test_formats_are_those_of_runs_without_test_cases() -> None:
    assert set(AUDIT_FORMATS) == set(FILE_FORMATS) - {"junit"}
    assert set(AUDIT_SUFFIXES) == set(AUDIT_FORMATS)
    assert len(set(AUDIT_SUFFIXES.values())) == len(AUDIT_SUFFIXES)


def test_json_is_the_document() -> None:
    assert rendered_audit(READ, "json", RENDERING) == encode_audit(READ)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(audit=records(Audit).map(lambda audit: replace(audit, audit_version=AUDIT_VERSION)))
def test_an_audit_of_any_shape(audit: Audit) -> None:
    """It comes back whole, and every format takes it without an error, a control character or markup of its own."""
    assert decode_audit(rendered_audit(audit, "json", RENDERING), origin="here") == audit

    for name in TEXTUAL:
        assert controls(name, rendered_audit(audit, name, RENDERING)) is None, name
    json.loads(rendered_audit(audit, "sarif", RENDERING))
    rows = list(csv.DictReader(io.StringIO(rendered_audit(audit, "csv", RENDERING).decode(), newline="")))
    assert [row["class"] for row in rows] == [site.kind for site in audit.sites]
    read = Reader(rendered_audit(audit, "html", RENDERING).decode())
    assert {(tag, frozenset(held)) for tag, held in read.elements} <= KNOWN_ELEMENTS


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(audit=records(Audit))
def test_a_terminal_takes_any_shape(audit: Audit) -> None:
    for width in (40, 120):
        file = io.StringIO()
        console = Console(file=file, width=width, color_system=None)
        print_audit(audit, Path("there"), console, everything=True)

        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e]", file.getvalue())
        first, *_ = file.getvalue().splitlines()
        assert re.match(r"(FINDINGS|WARNINGS|CLEAN|PARTIAL|FAILED)  .", first)
