"""Audits on disk: nothing is lost, and what is no audit is refused in one sentence."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from msgspec.structs import replace

from imp_graphcheck.errors import UsageError
from imp_graphcheck.record.audit import AUDIT_VERSION, Audit, AuditSite
from imp_graphcheck.record.audit_store import decode_audit, encode_audit, load_audit, save_audit
from tests.record.strategies import records

AUDIT = Audit(
    id="1",
    command=("imp-graphcheck", "audit-syncs", "x"),
    tool_version="0",
    started_at="2026-01-01T00:00:00+00:00",
    sites=(AuditSite(file="a.py", line=3, function="f", api="cudaMalloc", kind="alloc", fate="harmless"),),
)
ANY_AUDIT = records(Audit).map(lambda audit: replace(audit, audit_version=AUDIT_VERSION))


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(audit=ANY_AUDIT)
def test_nothing_is_lost(audit: Audit) -> None:
    assert decode_audit(encode_audit(audit), origin="here") == audit


def test_a_directory_or_its_file(tmp_path: Path) -> None:
    path = save_audit(AUDIT, tmp_path)
    assert load_audit(tmp_path) == load_audit(path) == AUDIT
    assert list(tmp_path.iterdir()) == [path], "nothing half written beside it"


@pytest.mark.parametrize("kept", [0, 1, 2, 40, -3])
def test_a_truncated_document_is_refused(tmp_path: Path, kept: int) -> None:
    path = save_audit(AUDIT, tmp_path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(UsageError) as refused:
        load_audit(tmp_path)
    assert str(path) in refused.value.message
    assert "\n" not in refused.value.message


@pytest.mark.parametrize(
    "text",
    ["[]", "null", '{"schema_version": 2, "id": "a run"}', '{"audit_version": 0}', "[" * 5000],
)
def test_a_foreign_document_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"^here "):
        decode_audit(text.encode(), origin="here")


def test_a_newer_document_is_refused_by_its_version() -> None:
    newer = encode_audit(replace(AUDIT, audit_version=AUDIT_VERSION + 1))
    with pytest.raises(UsageError, match=f"has audit version {AUDIT_VERSION + 1}"):
        decode_audit(newer, origin="here")


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no audit can be read"):
        load_audit(tmp_path / "nowhere")
