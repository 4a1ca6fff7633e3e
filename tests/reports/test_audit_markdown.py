"""An audit under a pull request: short, safe, and what is new before what is known."""

import re

import pytest
from markdown_it import MarkdownIt
from msgspec.structs import replace

from imp_graphcheck.record.audit import Audit, Step
from imp_reports.audit_markdown import LARGEST, audit_markdown
from imp_reports.text import MAX_ROWS
from tests.reports.audits import (
    ALL_KNOWN,
    CLEAN_RUN,
    COMPARED,
    HOSTILE_AUDIT,
    NAMED,
    RAN,
    READ,
    READ_HANDLE,
    audit_with,
    many,
)
from tests.reports.test_odd_content import TEXTS

GITHUB_CHARACTERS = 65_536
ALL = {
    **NAMED,
    "many": many(5000),
    "hostile": HOSTILE_AUDIT,
    **{name: audit_with(t) for name, t in TEXTS.items()},
}
AUDITS = pytest.mark.parametrize("audit", ALL.values(), ids=ALL)


def html_of(page: str) -> str:
    return MarkdownIt("commonmark", {"html": True}).enable("table").render(page)


def rows_of(html: str) -> list[list[str]]:
    return [re.findall(r"<td>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", html, flags=re.S)]


def test_verdict_cause_and_remedy_come_first() -> None:
    lines = audit_markdown(RAN).splitlines()

    assert lines[0].startswith("### Findings: 1 site forbidden in a capture, 2 touching host memory")
    assert lines[2].startswith(
        "cudaStreamSynchronize at engine/sample.py:41 in Sampler.pick() failed the capture"
    )
    assert lines[4] == "- do: move the wait out of the captured region"
    assert lines[5].startswith("- the program saw: AcceleratorError: CUDA error: operation failed")


def test_a_table_of_what_is_new() -> None:
    html = html_of(audit_markdown(RAN))
    cells = [[re.sub(r"<.*?>", "", cell) for cell in row] for row in rows_of(html) if row]

    assert [row[0] for row in cells] == [
        "engine/sample.py:41 Sampler.pick()",
        "engine/batch.py:12 stage()",
        "engine/hook.py:5 notify()",
        "engine/workspace.py:88 Workspace.grow()",
    ]
    assert cells[1][1:] == ["cudaMemcpyAsync", "h2d", "4", "eager 4", "rereads host", "", "GC105"]


def test_what_is_known_is_folded() -> None:
    page = audit_markdown(COMPARED)
    new, known = page.split("<summary>1 known site</summary>")

    assert "cublasCreate" in new
    assert "upload" not in new
    assert "src/layer.cu:17" in known
    assert "compared with audit-baseline.json" in known
    assert "| site |" not in audit_markdown(ALL_KNOWN).split("<details>")[0]
    assert audit_markdown(CLEAN_RUN).startswith(
        "### Clean: no call in the captured region that a capture minds\n"
    )


def test_ways_from_the_entry_and_what_reading_could_not_see_are_folded() -> None:
    page = audit_markdown(READ)
    shown, folded = page.split("<details>", 1)

    assert "Engine::forward" not in shown
    assert r"Engine::forward\_logits &gt; Layer::run (src/engine.cu:120)" in folded
    assert "2 places of the source could not be parsed" in folded
    assert "1 call through pointers could not be followed" in folded


@AUDITS
def test_it_fits_into_a_comment(audit: Audit) -> None:
    assert len(audit_markdown(audit)) <= LARGEST < GITHUB_CHARACTERS


def test_long_texts_everywhere_fit_too() -> None:
    long = "<template|`_*@" * 400
    site = replace(
        READ_HANDLE,
        file=long,
        function=long,
        api=long,
        guard=long,
        remedy=long,
        notes=(long,) * 9,
        chain=(Step(function=long, file=long, line=1),) * 30,
    )
    sites = tuple(replace(site, line=n, reason=f"{long}{n}") for n in range(200))
    page = audit_markdown(replace(READ, sites=sites, notes=(long,) * 50, command=(long,) * 50))

    assert len(page) <= LARGEST
    assert page.count("<details>") == page.count("</details>") >= 2


def test_the_rest_is_counted() -> None:
    page = audit_markdown(many(100))

    assert len([row for row in rows_of(html_of(page)) if row]) == MAX_ROWS
    assert f"and {60 - MAX_ROWS} sites more" in page


@AUDITS
def test_text_of_the_program_stays_text(audit: Audit) -> None:
    page = audit_markdown(audit)
    html = html_of(page)

    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e\u2028]", page)
    assert set(re.findall(r"<(\w+)", html)) <= {
        *(
            "h3",
            "p",
            "ul",
            "li",
            "table",
            "thead",
            "tbody",
            "tr",
            "th",
            "td",
            "code",
            "strong",
            "details",
            "summary",
        ),
    }
    assert page.count("<details>") == page.count("</details>")
    assert not re.search(r"@\w", re.sub(r"<code>.*?</code>", "", html))
    widths = {len(row) for row in rows_of(html) if row}
    assert len(widths) <= 1, widths


def test_a_pipe_in_a_guard_is_no_new_cell() -> None:
    page = audit_markdown(replace(READ, sites=(replace(READ_HANDLE, guard="a || b", function="f|g"),)))
    (row,) = [row for row in rows_of(html_of(page)) if row]

    assert len(row) == 6
    assert "if a || b" in row[4]
    assert "<code>f|g()</code>" in row[0]
