"""The reference engine as it is: its captured region copies within the device, and nothing else."""

from collections.abc import Callable
from pathlib import Path

import pytest

from imp_graphcheck.record.audit import Audit

CHECKPOINTS = Path(__file__).parents[1] / "checkpoints"
AuditOf = Callable[..., Audit]


@pytest.mark.parametrize("mode", ["global", "thread_local", "relaxed"])
@pytest.mark.parametrize("name", ["qwen3-tiny", "qwen3-moe-tiny"])
def test_nothing_is_flagged(audit_of: AuditOf, name: str, mode: str) -> None:
    audit = audit_of(str(CHECKPOINTS / name), capture_mode=mode, tg=2)
    assert (audit.status, audit.headline) == ("complete", None)
    assert [(site.place, site.api, site.fate) for site in audit.sites if site.code] == []
    assert {site.fate for site in audit.sites} == {"fixed", "harmless"}
    assert {phase for site in audit.sites for phase in site.phases} == {
        "load",
        "prewarm",
        "warm-up",
        "eager",
        "capture",
        "replay",
    }


def test_its_staging_is_seen_and_outside(audit_of: AuditOf) -> None:
    audit = audit_of(str(CHECKPOINTS / "qwen3-tiny"))
    staged = [
        site for site in audit.sites if site.kind == "h2d" and site.file.endswith("imp_engine/batch.py")
    ]
    assert staged
    assert {(site.host, site.fate, site.reachable) for site in staged} == {("pinned", "harmless", "no")}
    assert all("replay" in site.phases for site in staged)


def test_a_mistake_put_back_is_found(audit_of: AuditOf) -> None:
    audit = audit_of(str(CHECKPOINTS / "qwen3-tiny"), fault="pinned-temporary")
    flagged = [site for site in audit.sites if site.code]
    assert {(site.kind, site.fate, site.code) for site in flagged} == {("h2d", "rereads host", "GC206")}
    assert {Path(site.file).name for site in flagged} == {"pinned_temporary.py"}
