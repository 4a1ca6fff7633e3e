"""The whole command in its processes: two of them, and an audit on disk whatever becomes of either."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from imp_graphcheck.audit.launch import Audited, run_audit
from imp_graphcheck.audit.settings import AuditSettings
from imp_graphcheck.capture.warm import warm_trials
from imp_graphcheck.child.events import Event, StageStarted
from imp_graphcheck.child.template import Template
from imp_graphcheck.errors import UsageError
from imp_graphcheck.faults.audit_pairs import COLD_MODEL, marked
from imp_graphcheck.record.audit_store import load_audit

ROOT = Path(__file__).parents[2]
PROGRAM = """
import os, signal, time, torch
from imp_graphcheck.faults.programs.base import Doubling

class Plain(Doubling):
    def forward(self, call):
        return self.x * self.x.sum().item()

class Lingers(Plain):
    def forward(self, call):
        if self.capturing:
            time.sleep(120)
        return super().forward(call)

class Dies(Doubling):
    steps = 0
    def forward(self, call):
        self.steps += 1
        self.module.synchronize()
        if self.steps == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.x * 2

class NeedsPrewarm(Doubling):
    def prewarm(self):
        self.two = torch.ones(1, device=self.device) * 2
    def forward(self, call):
        return self.x * self.two

class Fails(Doubling):
    def forward(self, call):
        raise ValueError("never worked")
"""
Run = Callable[..., Audited]


@pytest.fixture(scope="module")
def template() -> Iterator[Template | None]:
    with warm_trials("sim") as warm:
        yield warm


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, template: Template | None) -> Run:
    """Audit a class of PROGRAM, or another model, with `tmp_path` as the working directory."""
    path = os.pathsep.join(str(ROOT / part) for part in (".", "engine", "kernels", "reports"))
    monkeypatch.setenv("PYTHONPATH", path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "program.py").write_text(PROGRAM)

    def audit(model: str, on_event: Callable[[Event], None] = lambda event: None, **options: Any) -> Audited:
        model = model if ":" in model or "-" in model else f"program.py:{model}"
        settings = AuditSettings(model=model, device="sim", output="out", command=("audit",), **options)
        return run_audit(settings, on_event=on_event, template=template)

    return audit


def test_what_only_a_cold_process_shows(run: Run) -> None:
    found = run(COLD_MODEL)
    assert found.audit.status == "complete"
    place = marked()["cold-handle"]
    (handle,) = [site for site in found.audit.sites if site.api == "cublasCreate"]
    assert (Path(handle.file).name, handle.line) == place
    assert (handle.fate, handle.reachable, set(handle.phases)) == ("harmless", "no", {"warm-up", "cold"})
    assert "prewarm" in handle.reason


def test_the_audit_is_saved_with_places_in_the_working_directory(run: Run, tmp_path: Path) -> None:
    names: list[str] = []
    found = run("Plain", on_event=lambda event: names.append(type(event).__name__))
    assert found.directory.parent == Path("out/audits")
    assert load_audit(found.directory) == load_audit(tmp_path / "out/audits/latest") == found.audit
    assert [path.name for path in found.directory.iterdir()] == ["audit.json"]
    (wait,) = [site for site in found.audit.sites if site.kind == "sync"]
    assert (wait.place, wait.phases) == (
        "program.py:7",
        {"warm-up": 1, "eager": 2, "capture": 1, "cold": 1},
    )
    headline = found.audit.headline
    assert headline is not None
    assert (headline.api, headline.error, headline.file, headline.line, headline.mode) == (
        "cudaStreamSynchronize",
        "900 cudaErrorStreamCaptureUnsupported",
        "program.py",
        7,
        "global",
    )
    assert "operation failed due to a previous error" in headline.hidden_by
    assert found.audit.traced_by
    assert found.audit.command == ("audit",)
    assert names.count("RunStarted") == 1


def test_a_child_that_dies_leaves_what_it_saw(run: Run) -> None:
    found = run("Dies")
    assert found.audit.status == "partial"
    assert found.audit.status_reason == "the process died with SIGKILL during eager"
    assert any("warm-up" in site.phases for site in found.audit.sites if site.kind == "sync")
    assert load_audit(found.directory) == found.audit


def test_ctrl_c_leaves_what_was_seen(run: Run) -> None:
    def interrupt(event: Event) -> None:
        if isinstance(event, StageStarted) and event.name == "capture":
            raise KeyboardInterrupt

    # A capture of Plain is over before the signal is there.
    found = run("Lingers", on_event=interrupt)
    assert (found.audit.status, found.audit.status_reason) == ("partial", "interrupted during capture")
    (wait,) = [site for site in found.audit.sites if site.kind == "sync"]
    assert (wait.fate, wait.reachable, wait.phases["eager"]) == ("forbidden", "yes", 2)
    assert "cold" not in wait.phases


def test_ctrl_c_in_the_cold_pass_keeps_the_warm_one(run: Run) -> None:
    def interrupt(event: Event) -> None:
        if isinstance(event, StageStarted) and event.name.startswith("cold"):
            raise KeyboardInterrupt

    found = run("Plain", on_event=interrupt)
    assert (found.audit.status, found.audit.status_reason) == ("partial", "interrupted in the cold pass")
    assert found.audit.headline is not None


def test_a_program_that_needs_its_prewarm_says_so(run: Run) -> None:
    found = run("NeedsPrewarm")
    assert found.audit.status == "complete"
    assert [note for note in found.audit.notes if note.startswith("the cold pass ended at ")]


def test_a_program_that_never_worked(run: Run) -> None:
    found = run("Fails", cold=False)
    assert found.audit.status == "failed"
    assert "fails without graphs, in warm-up" in found.audit.status_reason


@pytest.mark.parametrize("model", ["no-such-model", "program.py:Nobody"])
def test_bad_input_leaves_nothing(run: Run, model: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        run(model)
    assert not (tmp_path / "out").exists()


def test_ctrl_c_before_anything_is_known_leaves_nothing(run: Run, tmp_path: Path) -> None:
    def interrupt(event: Event) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run("Plain", on_event=interrupt)
    assert not (tmp_path / "out").exists()
