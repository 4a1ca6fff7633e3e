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


def torch_read(api: str, kind: str = "d2h", line: int = 10, **changes: object) -> AuditSite:
    return read(line, api=api, kind=kind, guard="", fate="forbidden", code="GC102", **changes)


def copied(tree: Path, line: int = 10, **changes: object) -> AuditSite:
    told = {"api": "cudaMemcpyAsync", "kind": "d2h", "code": "GC102", "host": "pinned", **changes}
    return seen(tree, line, **told)


def waited(tree: Path, line: int = 10, **changes: object) -> AuditSite:
    told = {
        "api": "cudaStreamSynchronize",
        "kind": "sync",
        "fate": "forbidden",
        "code": "GC101",
        "bytes_total": None,
    }
    return seen(tree, line, **{**told, **changes})


@pytest.mark.parametrize("api", ["Tensor.item", "Tensor::item"])
def test_a_call_of_torch_stands_for_the_calls_it_is_made_of(tree: Path, api: str) -> None:
    (site,) = merged([torch_read(api)], [waited(tree, count=4), copied(tree)], tree)
    assert (site.api, site.kind, site.fate, site.code) == (api, "d2h", "forbidden", "GC101")
    assert (site.count, site.bytes_total, site.phases) == (3, 48, {"capture": 1, "elsewhere": 2})
    assert (site.host, site.origins) == ("pinned", ("source", "process"))
    assert site.notes == ("seen as cudaStreamSynchronize (sync), cudaMemcpyAsync (d2h)",)


def test_of_two_verdicts_that_are_equal_the_copys_own_counts(tree: Path) -> None:
    for calls in (
        [waited(tree), copied(tree, fate="forbidden")],
        [copied(tree, fate="forbidden"), waited(tree)],
    ):
        (site,) = merged([torch_read("Tensor.cpu")], calls, tree)
        assert (site.fate, site.code) == ("forbidden", "GC102")


@pytest.mark.parametrize(
    ("api", "kind", "joined"),
    [
        ("Tensor.nonzero", "sync", {"d2h", "sync"}),
        ("Tensor.__getitem__", "sync", {"d2h", "sync"}),
        ("Tensor.cpu", "d2h", {"d2h", "sync"}),
        ("torch.tensor", "h2d", {"h2d", "sync"}),
        ("torch.cuda.synchronize", "sync", {"sync"}),
        ("CUDAStream::synchronize", "sync", {"sync"}),
        ("thrust::sort", "sync", {"sync", "d2h", "alloc", "free"}),
        ("torch.cuda.empty_cache", "free", {"free", "sync"}),
        ("cudaMemcpyAsync", "d2h", set()),
    ],
)
def test_what_it_is_made_of_and_nothing_else(tree: Path, api: str, kind: str, joined: set[str]) -> None:
    calls = [
        waited(tree),
        copied(tree, api="cudaMemcpy"),
        copied(tree, kind="h2d", api="cudaMemcpy2D"),
        copied(tree, kind="alloc", api="cudaMalloc"),
        copied(tree, kind="free", api="cudaFree"),
    ]
    sites = merged([torch_read(api, kind)], calls, tree)
    missed = {site.kind for site in sites if "reading the source did not find it" in site.notes}
    assert {call.kind for call in calls} - missed == joined
    assert bool(sites[0].count) == bool(joined)


def test_a_call_of_torch_stands_for_nothing_in_another_line(tree: Path) -> None:
    sites = merged([torch_read("Tensor.item")], [copied(tree, 11)], tree)
    assert [(site.line, site.count) for site in sites] == [(10, 0), (11, 3)]


def test_the_call_in_the_line_comes_before_one_of_its_name_nearby(tree: Path) -> None:
    reading = [read(8, api="cudaStreamSynchronize", kind="sync"), torch_read("Tensor::item")]
    sites = merged(reading, [waited(tree)], tree)
    assert [(site.line, site.count) for site in sites] == [(8, 0), (10, 3)]


def test_two_calls_of_one_line_are_counted_apart_where_that_can_be_told(tree: Path) -> None:
    upload = copied(tree, kind="h2d", count=5, phases={"elsewhere": 5}, bytes_total=20)
    reading = [torch_read("Tensor.cpu"), torch_read("torch.tensor", "h2d")]
    down, up = merged(reading, [copied(tree), upload, waited(tree, count=8)], tree)
    assert (down.count, down.bytes_total, up.count, up.bytes_total) == (3, 48, 5, 20)
    down, mask = merged([torch_read("Tensor.cpu"), torch_read("Tensor.item")], [copied(tree)], tree)
    assert "counted together with Tensor.item of the same line" in down.notes
    assert "counted together with Tensor.cpu of the same line" in mask.notes


def test_what_ran_outside_of_the_region_only_does_not_make_it_reach_there(tree: Path) -> None:
    outside = copied(tree, reachable="no", fate="harmless", code=None, phases={"load": 3})
    (site,) = merged([torch_read("Tensor.cpu", reachable="no")], [outside], tree)
    assert (site.reachable, site.count) == ("no", 3)
    assert site.notes == ("seen as cudaMemcpyAsync (d2h)",)


def test_bytes_that_nobody_told_are_not_none_at_all(tree: Path) -> None:
    (site,) = merged([torch_read("Tensor.item")], [waited(tree), copied(tree, bytes_total=None)], tree)
    assert (site.count, site.bytes_total) == (3, None)


def test_what_torchs_allocator_takes_was_not_missed(tree: Path) -> None:
    taken = seen(tree, api="cudaMalloc", kind="alloc", fate="harmless", notes=("called by libc10_cuda.so",))
    (_, site) = merged([read()], [taken], tree)
    assert "reading the source did not find it" not in site.notes
    assert site.notes[-1].startswith("no source says it: torch's allocator")
