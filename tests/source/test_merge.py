"""What was read and what was seen become one list of sites."""

from pathlib import Path

import pytest
from msgspec import structs

from imp_graphcheck.record.audit import AuditSite
from imp_graphcheck.source.merge import merged


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.cu").write_text("\n" * 50)
    return tmp_path


def read(line: int = 10, **changes: object) -> AuditSite:
    site = AuditSite(
        file="src/a.cu",
        line=line,
        function="f",
        api="cudaMemcpyAsync",
        kind="h2d",
        fate="harmless",
        guard="debug",
        origins=("source",),
    )
    return structs.replace(site, **changes)


def seen(tree: Path, line: int = 10, **changes: object) -> AuditSite:
    site = AuditSite(
        file=str(tree / "src" / "a.cu"),
        line=line,
        function="f()",
        api="cudaMemcpyAsync_ptsz",
        kind="h2d",
        fate="rereads host",
        code="GC105",
        count=3,
        bytes_total=48,
        phases={"capture": 1, "elsewhere": 2},
        origins=("process",),
    )
    return structs.replace(site, **changes)


def test_counts_stand_beside_the_source(tree: Path) -> None:
    (site,) = merged([read()], [seen(tree)], tree)
    assert (site.file, site.line, site.guard) == ("src/a.cu", 10, "debug")
    assert (site.count, site.bytes_total, site.phases) == (3, 48, {"capture": 1, "elsewhere": 2})
    assert (site.fate, site.code) == ("rereads host", "GC105")
    assert site.origins == ("source", "process")


def test_a_site_that_nobody_reached_has_a_count_of_0(tree: Path) -> None:
    first, second = merged([read(10), read(40)], [seen(tree, 11)], tree)
    assert (first.count, second.count) == (3, 0)


def test_the_nearest_line_is_taken_and_a_far_one_is_not(tree: Path) -> None:
    sites = merged([read(10), read(18)], [seen(tree, 16), seen(tree, 45)], tree)
    assert [(site.line, site.count) for site in sites] == [(10, 0), (18, 3), (45, 3)]
    assert sites[2].notes == ("reading the source did not find it",)


def test_what_ran_was_reachable(tree: Path) -> None:
    (site,) = merged([read(reachable="no")], [seen(tree)], tree)
    assert site.reachable == "yes"
    assert site.notes == ("reading the source said no: it was seen to run",)


def test_the_worse_fate_counts(tree: Path) -> None:
    (site,) = merged([read(fate="forbidden", code="GC101")], [seen(tree)], tree)
    assert (site.fate, site.code) == ("forbidden", "GC101")


def test_another_call_of_the_same_line_is_another_site(tree: Path) -> None:
    sites = merged([read()], [seen(tree, api="cudaStreamSynchronize", kind="sync")], tree)
    assert [(site.api, site.count) for site in sites] == [
        ("cudaMemcpyAsync", 0),
        ("cudaStreamSynchronize", 3),
    ]


def test_sites_outside_of_the_tree_say_so(tree: Path) -> None:
    sites = merged([read()], [seen(tree, file="/usr/include/library.h")], tree)
    assert sites[1].notes == (f"outside of {tree.name}/",)
