"""What an error means, from its record."""

import pytest

from imp_graphcheck.checks.failures import Failure, check_capture_failure, check_replay_failure
from imp_graphcheck.checks.fallbacks import check_fallbacks
from imp_graphcheck.record.site import Site
from imp_graphcheck.rules import RULES

SITE = Site(file="model.py", line=77, function="route")


@pytest.mark.parametrize(
    ("text", "number", "code"),
    [
        ("CUDA error: operation not permitted when stream is capturing", 900, "GC101"),
        ("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`", 1, "GC104"),
        ("Cannot copy between CPU and CUDA tensors ... unless the CPU tensor is pinned.", None, "GC105"),
        ("CUDA error: capturing stream has unjoined work", 904, "GC106"),
        ("CUDA error: dependency created on uncaptured work in another stream", 905, "GC106"),
        ("Attempt to increase offset for a CUDA generator not in capture mode.", None, "GC108"),
        ("ValueError: no room", None, "GC109"),
        ("CUDA error: out of memory", 2, "GC109"),
    ],
)
def test_capture_failures(text: str, number: int | None, code: str) -> None:
    finding = check_capture_failure(Failure(text=text, number=number, graph="k", launch_site=SITE))
    assert (finding.code, finding.severity, finding.launch_site) == (code, "error", SITE)
    assert "model.py:77" in finding.message
    assert RULES[code].title in finding.message


def test_illegal_access_with_an_owner_is_a_dead_pointer() -> None:
    finding = check_replay_failure(
        Failure(
            text="CUDA error: an illegal memory access was encountered",
            name="cudaErrorIllegalAddress",
            number=700,
            graph="k",
            node=17,
            kernel="mul",
            argument="other",
            allocation_site=SITE,
        )
    )
    assert (finding.code, finding.node, finding.allocation_site) == ("GC202", 17, SITE)


def test_illegal_access_without_an_owner_is_only_a_death() -> None:
    text = "CUDA error: an illegal memory access was encountered\nlong tail"
    finding = check_replay_failure(Failure(text=text, name="cudaErrorIllegalAddress", number=700, graph="k"))
    assert finding.code == "GC209"
    assert "cudaErrorIllegalAddress, 700" in finding.message
    assert "long tail" not in finding.message


def test_fallbacks_name_the_condition() -> None:
    assert check_fallbacks({}, replays=3) == ()
    one, many = check_fallbacks({"graphs are off (IMP_PREFILL_GRAPH=0)": 1, "too long": 4}, replays=0)
    assert (one.code, one.severity) == ("GC601", "warning")
    assert one.message.startswith("1 call ran eagerly: graphs are off (IMP_PREFILL_GRAPH=0)")
    assert many.message.startswith("4 calls ran eagerly: too long")
