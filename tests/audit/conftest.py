"""Audits in this process, on the software GPU."""

from collections.abc import Callable
from pathlib import Path

import pytest

from imp_graphcheck.audit.keeper import Keeper
from imp_graphcheck.audit.phases import run_phases
from imp_graphcheck.audit.settings import AuditSettings
from imp_graphcheck.capture.recorder import Recorder
from imp_graphcheck.capture.session import Session
from imp_graphcheck.child.events import Event
from imp_graphcheck.device import Device
from imp_graphcheck.record.audit import Audit
from imp_graphcheck.record.audit_store import load_audit
from imp_graphcheck.target import resolve
from imp_graphcheck.target.engine import Workload
from tests.fresh_gpu import fresh_gpu

AuditOf = Callable[..., Audit]


@pytest.fixture
def audit_of(tmp_path: Path, device: Device, events: list[Event]) -> AuditOf:
    """`audit_of(model)`: what the warm child saves of it."""

    def run(model: str, **options: object) -> Audit:
        fresh_gpu()
        settings = AuditSettings(
            model=model,
            pp=256,
            chunk=64,
            device="sim",
            output=str(tmp_path),
            **options,  # type: ignore[arg-type]
        )
        load = Workload(prompt_tokens=256, chunk_tokens=64, requests=3, decode_tokens=settings.tg, seed=0)
        program = resolve(model, workload=load, dtype=None, seed=0, fault=settings.fault)
        keeper = Keeper(events.append, settings.capture_mode)  # type: ignore[arg-type]
        run_phases(Session(program, device, settings, Recorder(events.append)), keeper)
        (directory,) = (tmp_path / "audits").iterdir()
        saved = load_audit(directory)
        assert saved == keeper.audit, "what is on disk is what was seen"
        return saved

    return run
