"""The page of an audit: whole, safe, small, and its numbers are those of the record."""

import json
import re
import time
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from imp_graphcheck.record.audit import Audit, AuditSite, Opaque, Step
from imp_graphcheck.record.audit_store import encode_audit
from imp_graphcheck.record.site import Frame
from imp_reports.page import render_audit
from imp_reports.page.audit_view import MAX_FRAMES, MAX_LISTED
from imp_reports.page.excerpts import Sources
from imp_reports.page.facts import resolved
from tests.reports.audits import (
    ALL_KNOWN,
    BARE,
    CHAIN,
    COMPARED,
    FAILED,
    HOSTILE_AUDIT,
    NAMED,
    RAN,
    READ,
    READ_HANDLE,
    READ_UPLOAD,
    TRACED,
    WAIT,
    audit_with,
    many,
)
from tests.reports.page_reader import Reader
from tests.reports.test_odd_content import TEXTS

MEGABYTES = 5_000_000
AUDITS = pytest.mark.parametrize(
    "audit",
    [*NAMED.values(), HOSTILE_AUDIT, many(100)],
    ids=[*NAMED, "hostile", "many"],
)


def page_of(audit: Audit, *roots: Path) -> str:
    titles = {"GC101": "synchronization inside the capture"}
    return render_audit(audit, titles=titles, roots=roots, sources=Sources(roots, audit.started_at))


class Sections(HTMLParser):
    """What each section holds: the figure at the top, and the sites that are listed or counted."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.figures: dict[str, int] = {}
        self.listed: Counter[str] = Counter()
        self.folded: set[str] = set()
        self.states: dict[str, int] = {}
        self._section = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        held = {name: value or "" for name, value in attrs}
        classes = held.get("class", "").split()
        if "data-section" in held:
            self.figures[held["data-section"].replace(" ", "-")] = int(held["value"])
        if "data-baseline" in held:
            self.states[held["data-baseline"]] = int(held["value"])
        if tag == "section":
            self._section = held.get("id", "") if "fate" in classes else ""
            if "folded" in classes:
                self.folded.add(self._section)
        if "site" in classes and self._section:
            self.listed[self._section] += 1


def expected(audit: Audit) -> Counter[str]:
    """From the document alone."""

    def section(site: AuditSite) -> str:
        if site.reachable == "no":
            return "outside"
        return "known" if site.severity and not site.is_new else site.fate.replace(" ", "-")

    return Counter(map(section, audit.sites))


@AUDITS
def test_numbers_are_those_of_the_document(audit: Audit) -> None:
    document = json.loads(encode_audit(audit))
    page = page_of(audit)
    read = Reader(page)

    assert {"/seconds", "/audit_version"} <= set(read.facts)
    assert int(read.counts["/sites"]) == len(audit.sites)
    for pointer, value in read.facts.items():
        assert json.loads(value) == resolved(document, pointer), pointer
    for pointer, value in read.counts.items():
        assert int(value) == len(resolved(document, pointer)), pointer
    assert Sections(page).figures == expected(audit)


@pytest.mark.parametrize("audit", [RAN, TRACED], ids=["ran", "traced"])
def test_every_site_has_its_numbers(audit: Audit) -> None:
    facts = Reader(page_of(audit)).facts

    for n, site in enumerate(audit.sites):
        assert json.loads(facts[f"/sites/{n}/count"]) == site.count
        assert (f"/sites/{n}/line" in facts) is bool(site.line)
        assert {p: int(facts[f"/sites/{n}/phases/{p}"]) for p in site.phases} == site.phases
        if site.bytes_total:
            assert json.loads(facts[f"/sites/{n}/bytes_total"]) == site.bytes_total


def test_what_nobody_ran_has_no_counts() -> None:
    assert not [pointer for pointer in Reader(page_of(READ)).facts if pointer.endswith("/count")]


@AUDITS
def test_each_section_lists_what_its_figure_says_or_counts_the_rest(audit: Audit) -> None:
    page = page_of(audit)
    sections = Sections(page)
    rest = sum(int(n) for n in re.findall(r"and (\d+) sites? more; all are in audit.json", page))

    assert sum(sections.listed.values()) + rest == len(audit.sites)
    assert not sections.listed - Counter(sections.figures)
    assert sections.folded == set(sections.figures) & {"known", "fixed", "harmless", "outside"}


@pytest.mark.parametrize(
    ("audit", "words"),
    [
        (
            RAN,
            [
                "Findings",
                "2 touching host memory at each replay, 1 done at capture time only",
                "cudaStreamSynchronize at engine/sample.py:41 in Sampler.pick() failed the capture (global mode): 900",
                "move the wait out of the captured region",
                "AcceleratorError: CUDA error: operation failed due to a previous error during capture",
                "model on cuda, calls traced by CUPTI",
                "after the change: imp-graphcheck audit-syncs model",
                "Forbidden in a capture",
                "GC101 synchronization inside the capture it waits for work",
                "Recorded, and host memory",
                "Done at capture time only",
                "Recorded, the same at each replay",
                "Outside of the captured region",
                "Notes",
                "Origin",
            ],
        ),
        (
            READ,
            [
                "Findings",
                "cublasCreate at src/blas.cu:9 in handle_for_thread(): it may wait for the device",
                "77 of 410 functions below Engine::forward_logits, 31 files with 12,345 lines in engine/",
                "src/odd.cu:3-9 a macro ends a block",
                "src/engine.cu:77 callback_",
                "Origin",
            ],
        ),
        (
            TRACED,
            ["Partial", "the command died with SIGSEGV", "cublasCreate failed the capture: 900", "Notes"],
        ),
        (FAILED, ["Failed", "ValueError: never worked; no call was seen", "Origin"]),
    ],
    ids=["ran", "read", "traced", "failed"],
)
def test_verdict_cause_and_remedy_come_first(audit: Audit, words: list[str]) -> None:
    shown = Reader(page_of(audit)).shown
    places = [shown.find(word) for word in words]

    assert -1 not in places, words[places.index(-1)]
    assert places == sorted(places)


def test_the_headline_leads_to_its_site_which_is_open() -> None:
    page = page_of(RAN)
    position = RAN.sites.index(WAIT)

    assert f'<a href="#site-{position}">cudaStreamSynchronize</a>' in page
    (opened,) = re.findall(r'<details class="site" id="([^"]+)"[^>]* open>', page)
    assert opened == f"site-{position}"
    assert page.count(f'id="{opened}"') == 1


def test_a_site_shows_its_modes_stack_and_conditions() -> None:
    detail = detail_of(page_of(RAN), RAN.sites.index(WAIT))
    for words in (
        "stack, innermost first /venv/torch/_tensor.py:1001 item() engine/sample.py:41 Sampler.pick()",
        "global refuses it: 900 cudaErrorStreamCaptureUnsupported",
        "relaxed refuses it: 900",
        "threads MainThread",
    ):
        assert words in detail

    growth = detail_of(page_of(RAN), 2)
    assert "thread_local refuses it: 900 cudaErrorStreamCaptureUnsupported relaxed lets it pass" in growth


def test_a_site_that_was_read_shows_guard_chain_and_words_of_the_source() -> None:
    shown = Reader(page_of(READ)).shown
    detail = detail_of(page_of(READ), 0)

    assert 'if getenv("DEBUG") && n > 0' in shown
    assert "perhaps reached; if !(handle); the first call only" in shown
    assert (
        "from the entry Engine::forward_logits() src/engine.cu:120 Layer::run() src/layer.cu:44 upload()"
        in detail
    )
    assert "17cudaMemcpyAsync(dst, &params, sizeof params, cudaMemcpyHostToDevice, stream)" in detail


def detail_of(page: str, position: int) -> str:
    (part,) = re.findall(rf'<details class="site" id="site-{position}".*?</details>', page, flags=re.S)
    return Reader(part).shown


def test_lines_of_source_are_shown_where_the_tree_lies_below_a_root(tmp_path: Path) -> None:
    (tmp_path / "engine/src").mkdir(parents=True)
    (tmp_path / "engine/src/layer.cu").write_text("\n".join(f"  line_{n}();" for n in range(1, 40)))
    assert READ.source is not None
    audit = replace(READ, source=replace(READ.source, directory=str(tmp_path / "engine")))

    for root in (tmp_path, tmp_path / "engine"):
        page = page_of(audit, root)
        assert '<span class="hit"><i>17</i>line_17();' in page
        assert "<i>15</i>line_15();" in page
    assert "line_17" not in page_of(audit, tmp_path / "elsewhere")


def test_known_sites_are_folded_and_counted() -> None:
    page = page_of(COMPARED)
    shown = Reader(page).shown

    assert Sections(page).states == {"new": 1, "known": 1}
    assert "audit-baseline.json: 1 new, 1 known" in shown
    assert shown.index("cublasCreate at src/blas.cu:9") < shown.index("Known from the baseline")
    assert '<h1 class="clean">' in page_of(ALL_KNOWN)
    assert "no new site, 2 known from the baseline" in Reader(page_of(ALL_KNOWN)).shown
    assert "data-baseline" not in page_of(READ)


@AUDITS
def test_it_needs_nothing_else(audit: Audit) -> None:
    page = page_of(audit)
    read = Reader(page)

    assert "default-src 'none'" in page
    assert not re.search(r"https?://", page)
    forbidden = {"link", "img", "iframe", "object", "embed", "base", "form"}
    assert not {tag for tag, _ in read.elements} & forbidden
    assert not [
        attributes for _, attributes in read.elements if "src" in attributes or "onclick" in attributes
    ]
    assert len([tag for tag, _ in read.elements if tag == "script"]) == 1


@AUDITS
def test_links_lead_somewhere_and_names_are_given_once(audit: Audit) -> None:
    elements = Reader(page_of(audit)).elements
    names = [held["id"] for _, held in elements if "id" in held]

    assert len(set(names)) == len(names)
    for _, held in elements:
        if str(held.get("href", "")).startswith("#"):
            assert str(held["href"])[1:] in names


def test_the_filter_is_hidden_until_a_script_can_serve_it() -> None:
    page = page_of(RAN)

    assert '<div class="filters" hidden>' in page
    assert "<option>h2d</option>" in page
    assert "filters" not in [held.get("class") for _, held in Reader(page_of(BARE)).elements]


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_text_of_the_program_stays_text(text: str) -> None:
    page = page_of(audit_with(text))
    read = Reader(page)

    assert page.count("</html>") == 1
    assert "img" not in {tag for tag, _ in read.elements}
    assert not [attributes for _, attributes in read.elements if "onerror" in attributes]
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202e\u2028]", page)


def test_a_template_in_a_name_is_not_evaluated() -> None:
    read = Reader(page_of(HOSTILE_AUDIT))

    assert "<script>alert" not in page_of(HOSTILE_AUDIT)
    assert "{{ 7 * 7 }}" in read.shown
    assert "49" not in re.findall(r"\b49\b", read.shown)


@pytest.mark.parametrize("count", [5_000, 20_000])
def test_many_sites_stay_small_and_none_is_lost(count: int) -> None:
    audit = many(count)
    start = time.perf_counter()
    page = page_of(audit)
    size, took = len(page.encode()), time.perf_counter() - start

    assert size < MEGABYTES
    assert took < 30
    sections = Sections(page)
    assert sections.figures == expected(audit)
    listed = sum(sections.listed.values())
    rest = sum(map(int, re.findall(r"and (\d+) sites? more; all are in audit.json", page)))
    assert listed + rest == count
    assert listed >= 5_000
    if count > listed:
        assert not sections.listed["harmless"], "what is wrong before what is not"
    facts, document = Reader(page).facts, json.loads(encode_audit(audit))
    assert all(json.loads(value) == resolved(document, pointer) for pointer, value in facts.items())


def test_long_names_of_many_sites_stay_small() -> None:
    long = "void cutlass::Kernel<" + "<&'\"" * 300 + ">"
    site = replace(
        READ_HANDLE,
        function=long,
        guard=long,
        notes=(long,) * 5,
        modes=dict.fromkeys(("global", "thread_local"), long),
        chain=tuple(Step(function=long, file=long, line=n) for n in range(1, 60)),
        stack=tuple(Frame(function=long, file=long, line=n) for n in range(1, 60)),
        text=long,
    )
    audit = replace(READ, sites=(site,) * 1000, notes=(long,) * 1000)

    size = len(page_of(audit).encode())
    assert size < MEGABYTES


def test_what_is_cut_is_counted() -> None:
    site = replace(READ_UPLOAD, chain=CHAIN * 20)
    assert READ.source is not None
    opaque = tuple(
        Opaque(file=f"{n}.cu", first=n, last=n + 1, reason="odd") for n in range(1, MAX_LISTED + 6)
    )
    shown = Reader(page_of(replace(READ, sites=(site,), source=replace(READ.source, opaque=opaque)))).shown

    assert f"and {60 - MAX_FRAMES} more in the record" in shown
    assert "and 5 more; all are in audit.json" in shown
    assert f"places not parsed{MAX_LISTED + 5} " in shown


@pytest.mark.parametrize("verdict", ["clean", "findings", "warnings", "partial", "failed"])
def test_every_verdict_has_a_colour(verdict: str) -> None:
    made: dict[str, Any] = {
        "clean": BARE,
        "findings": RAN,
        "warnings": replace(READ, sites=(READ_HANDLE,)),
        "partial": TRACED,
        "failed": FAILED,
    }
    page = page_of(made[verdict])

    assert f'<h1 class="{verdict}">{verdict.capitalize()}</h1>' in page
    assert re.search(rf"h1\.{verdict}\b", page)
