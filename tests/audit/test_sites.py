"""From sightings to sites: what is decided by phase, thread, capture and content."""

from pathlib import Path
from typing import Any

import pytest

from imp_graphcheck.apis.torch_manners import TORCH_COPIES
from imp_graphcheck.audit.seen import Outcome
from imp_graphcheck.audit.sighting import Sighting
from imp_graphcheck.audit.sites import audit_sites
from imp_graphcheck.record.audit import AuditSite
from imp_graphcheck.record.site import Frame, Site

CAPTURED = Outcome(captured=("k",))
REFUSED = Outcome(failed={"k": ("/src/engine.py", 20)})


def sighting(line: int = 10, **facts: Any) -> Sighting:
    site = Site(
        file="/src/engine.py",
        line=line,
        function="forward",
        stack=(
            Frame(file="/src/engine.py", line=line, function="forward"),
            Frame(file="/elsewhere/a.py", line=1, function="main"),
        ),
    )
    usual: dict[str, Any] = {
        "api": "cudaStreamSynchronize",
        "kind": "sync",
        "phase": "eager",
        "inside": True,
        "key": "k",
        "thread": "MainThread",
        "stream": "1",
        "captured_work": True,
    }
    return Sighting(site=site, **{**usual, **facts})


def upload(**facts: Any) -> Sighting:
    return sighting(**{"api": "cudaMemcpyAsync", "kind": "h2d", "host": "pinned", "bytes_total": 64, **facts})


def one(*sightings: Sighting, outcome: Outcome = REFUSED) -> AuditSite:
    (site,) = audit_sites(sightings, outcome, Path("/src"))
    return site


def test_places_are_relative_where_they_lie_in_the_directory() -> None:
    site = one(sighting())
    assert site.place == "engine.py:10"
    assert [frame.file for frame in site.stack] == ["engine.py", "/elsewhere/a.py"]


def test_one_site_for_a_line_with_everything_that_was_seen_there() -> None:
    site = one(
        upload(count=3, content_changes=True, stream="1"),
        upload(phase="warm-up", count=2, stream="2"),
        upload(phase="capture", host="pageable", thread="other"),
    )
    assert (site.count, site.bytes_total, site.phases) == (6, 192, {"eager": 3, "warm-up": 2, "capture": 1})
    assert (site.streams, site.threads, site.host) == (("1", "2"), ("MainThread", "other"), "pageable")
    assert site.origins == ("run",)


def test_two_calls_of_a_line_are_two_sites() -> None:
    assert len(audit_sites([sighting(), upload()], REFUSED)) == 2


def test_outside_of_the_region_nothing_matters() -> None:
    site = one(sighting(inside=False), sighting(inside=False, phase="load"))
    assert (site.fate, site.code, site.reachable) == ("harmless", None, "no")
    assert "eager, load" in site.reason


def test_inside_decides_over_outside() -> None:
    assert one(sighting(inside=False), sighting()).fate == "forbidden"


def test_what_a_captured_key_makes_only_eagerly_was_left_out_of_the_capture() -> None:
    site = one(sighting(), outcome=CAPTURED)
    assert (site.fate, site.reachable) == ("harmless", "no")
    other = Outcome(captured=("k",), failed={"other": None})
    assert one(sighting(), sighting(key="other"), outcome=other).fate == "forbidden"


def test_what_comes_before_the_end_of_a_failed_capture_was_left_out_of_it() -> None:
    end = sighting(line=20, order=5, error="900 cudaErrorStreamCaptureUnsupported", phase="capture")
    seen = [sighting(line=10, order=2), sighting(line=20, order=5), sighting(line=30, order=7), end]
    reachable = {site.line: site.reachable for site in audit_sites(seen, REFUSED)}
    assert reachable == {10: "no", 20: "yes", 30: "yes"}


def test_only_the_first_call_of_a_process() -> None:
    cold = sighting(api="cublasCreate", kind="handle", phase="cold")
    assert (one(cold, outcome=CAPTURED).fate, one(cold, outcome=CAPTURED).reachable) == ("harmless", "no")
    not_warm = one(cold, outcome=Outcome())
    assert (not_warm.fate, not_warm.reachable) == ("forbidden", "maybe")
    still = one(cold, sighting(api="cublasCreate", kind="handle", phase="capture", error="900 x"))
    assert (still.fate, still.code) == ("forbidden", "GC104")


@pytest.mark.parametrize(
    ("changes", "fate", "code"),
    [
        ((True, True), "rereads host", "GC206"),
        ((False, True), "rereads host", "GC206"),
        ((False, False), "fixed", None),
        ((None, None), "rereads host", "GC206"),
        ((False, None), "rereads host", "GC206"),
    ],
)
def test_a_constant_is_told_from_an_input(
    changes: tuple[bool | None, ...], fate: str, code: str | None
) -> None:
    seen = [upload(content_changes=each, key=f"k{index}") for index, each in enumerate(changes)]
    site = one(*seen, upload(phase="capture", key="k0"))
    assert (site.fate, site.code) == (fate, code)


def test_what_the_capture_was_refused_is_forbidden_whatever_the_table_says() -> None:
    error = "900 cudaErrorStreamCaptureUnsupported"
    failed = sighting(api="cudaMemsetAsync", kind="memset", phase="capture", error=error)
    site = one(failed)
    assert (site.fate, site.code, site.modes) == ("forbidden", "GC109", {"global": error})
    assert site.notes == (f"returned {error} in capture of k, MainThread",)


def test_the_error_of_a_library_leaves_the_drivers_in_the_table() -> None:
    failed = sighting(
        api="cublasCreate", kind="handle", phase="capture", error="1 CUBLAS_STATUS_NOT_INITIALIZED"
    )
    assert one(failed).modes["global"] == "900 cudaErrorStreamCaptureUnsupported"


def test_a_consequence_of_the_first_error_says_nothing_of_its_call() -> None:
    error = "901 cudaErrorStreamCaptureInvalidated"
    site = one(sighting(api="cudaMemsetAsync", kind="memset", phase="capture", error=error))
    assert (site.fate, site.code) == ("fixed", None)


def test_what_the_capture_let_pass_is_not_forbidden() -> None:
    site = one(sighting(api="cublasCreate", kind="handle", phase="capture"), outcome=CAPTURED)
    assert (site.fate, site.code, list(site.modes)) == ("capture only", "GC104", ["thread_local"])
    assert "the capture let it pass" in site.reason


def test_what_no_mode_refuses_happens_at_the_capture_alone() -> None:
    """Modules are loaded lazily: the load itself touches no memory of the device."""
    site = one(sighting(api="cuLibraryLoadData", kind="handle", phase="capture"), outcome=CAPTURED)
    assert (site.fate, site.code, site.modes) == ("capture only", "GC104", {})


def test_another_thread_counts_as_what_the_mode_says() -> None:
    def seen(phase: str) -> Sighting:
        return sighting(
            api="cudaEventQuery", kind="query", thread="dog", other_thread=True, captured_work=False, phase=phase
        )  # fmt: skip

    eager = one(seen("eager"))
    assert (eager.fate, eager.code, eager.reachable) == ("forbidden", "GC107", "maybe")
    assert one(seen("eager"), seen("capture")).reachable == "yes"
    assert one(seen("eager"), outcome=Outcome(mode="thread_local", failed={"k": None})).fate == "harmless"


def test_a_stream_that_does_not_capture() -> None:
    site = one(upload(phase="capture", escaped=True), upload(content_changes=False), outcome=CAPTURED)
    assert (site.fate, site.code) == ("capture only", "GC404")


def test_who_calls_decides_about_pageable_copies() -> None:
    theirs = sighting(api="cudaMemcpyAsync", kind="h2d", host="pageable", caller="libengine.so")
    assert one(theirs).fate == "rereads host"
    torch = sighting(api="cudaMemcpyAsync", kind="h2d", host="pageable", caller=TORCH_COPIES)
    assert one(torch).fate == "forbidden"


def test_the_worst_comes_first() -> None:
    seen = [
        upload(line=1, content_changes=False),
        sighting(line=2),
        sighting(line=3, inside=False),
        upload(line=4),
    ]
    fates = [site.fate for site in audit_sites(seen, REFUSED)]
    assert fates == ["forbidden", "rereads host", "fixed", "harmless"]
