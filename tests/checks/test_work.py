"""Work that a replay does not repeat."""

from imp_graphcheck.checks.work import Operation, check_work
from imp_graphcheck.record.site import Site

HERE = Site(file="model.py", line=5, function="forward")
THERE = Site(file="model.py", line=9, function="forward")
MUL, COPY = Operation(op="mul", site=HERE), Operation(op="copy_", site=THERE)


def test_same_work_is_silent() -> None:
    assert check_work([MUL, COPY, MUL], [COPY, MUL, MUL], graph="k") == ()


def test_work_beside_the_capture() -> None:
    escaped = Operation(op="copy_", site=THERE, escaped=True)
    (finding,) = check_work([MUL, COPY], [MUL, escaped], graph="k")
    assert (finding.code, finding.launch_site, finding.graph) == ("GC404", THERE, "k")
    assert "on a stream that was not capturing" in finding.message


def test_work_that_the_capture_skips() -> None:
    (finding,) = check_work([MUL, COPY, COPY], [MUL, COPY], graph="k")
    assert finding.launch_site == THERE
    assert "1 operator call (copy_) runs eagerly" in finding.message


def test_another_way_to_compute_is_missing_work_too() -> None:
    other = Operation(op="exp", site=THERE)
    assert [finding.code for finding in check_work([MUL], [other], graph="k")] == ["GC404"]


def test_more_work_in_the_capture_is_no_loss() -> None:
    assert check_work([MUL], [MUL, COPY], graph="k") == ()


def test_what_escapes_from_one_function_is_one_cause() -> None:
    ran = [Operation(op=op, site=site, escaped=True) for op, site in (("copy_", HERE), ("mul", THERE))]
    elsewhere = Operation(op="exp", site=Site(file="other.py", line=2, function="log"), escaped=True)
    first, second = check_work([], [*ran, elsewhere], graph="k")
    assert (first.launch_site, second.launch_site) == (HERE, elsewhere.site)
    assert first.consequences == ("so does mul, launched at model.py:9 forward()",)
