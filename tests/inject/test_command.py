"""`imp-graphcheck audit-syncs -- PROGRAM`, on a machine without a GPU: the planted program beside fakes of CUDA."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from imp_graphcheck.record.audit import Audit
from imp_graphcheck.record.audit_store import load_audit
from tests.inject.conftest import Fakes
from tests.inject.toolchain import PROGRAMS

PROGRAM = """
import functools, sys
from pathlib import Path
from imp_graphcheck.audit import process
process.audit_process = functools.partial(
    process.audit_process, library=Path({library!r}), cupti=(Path({cupti!r}),)
)
from imp_graphcheck.cli import main
main()
"""

Audited = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def audit_syncs(fakes: Fakes, library: Path, tmp_path: Path) -> Audited:
    """Run `imp-graphcheck audit-syncs ARGUMENTS` in an empty folder."""
    source = PROGRAM.format(library=str(library), cupti=str(fakes.cupti))

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-c", source, "audit-syncs", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


def latest(folder: Path) -> Audit:
    return load_audit(folder / ".graphcheck" / "audits" / "latest")


def test_a_program_is_run_as_it_is_and_stdout_is_the_audit(
    audit_syncs: Audited, fakes: Fakes, tmp_path: Path
) -> None:
    result = audit_syncs("--format", "json", "--", str(fakes.target), "its", "--own", "options")
    assert result.returncode == 1
    told = json.loads(result.stdout)
    assert told["target"] == f"{fakes.target} its --own options"
    assert told["status"] == "complete"
    assert told["headline"] is not None
    assert {"cudaStreamSynchronize", "cudaMemcpyAsync"} <= {site["api"] for site in told["sites"]}
    assert list((tmp_path / ".graphcheck/audits/latest/traces").glob("*.trace"))


def test_what_it_prints_goes_to_stderr(audit_syncs: Audited) -> None:
    result = audit_syncs("--format", "json", "--", "/bin/echo", "hello")
    assert result.returncode == 125
    assert json.loads(result.stdout)["status"] == "failed"
    assert "hello" in result.stderr


def test_its_source_is_read_beside_it(audit_syncs: Audited, fakes: Fakes, tmp_path: Path) -> None:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "planted.cpp").write_text((PROGRAMS / "planted.cu").read_text())
    result = audit_syncs("--source", str(folder), "--entry", "main", "-q", "--", str(fakes.target))
    assert result.returncode == 1
    audit = latest(tmp_path)
    assert audit.source is not None
    assert audit.source.language == "cpp"
    assert {origin for site in audit.sites for origin in site.origins} == {"process", "source"}


def test_a_program_that_is_killed_leaves_what_it_did(
    audit_syncs: Audited, fakes: Fakes, tmp_path: Path
) -> None:
    script = f"{fakes.target} & wait $!; kill -{signal.SIGKILL.value} $$"
    result = audit_syncs("--", "/bin/sh", "-c", script)
    assert result.returncode == 1
    audit = latest(tmp_path)
    assert (audit.status, "SIGKILL" in audit.status_reason) == ("partial", True)
    assert audit.sites
    assert "Traceback" not in result.stderr


def test_its_exit_status_is_told(audit_syncs: Audited, fakes: Fakes, tmp_path: Path) -> None:
    audit_syncs("-q", "--", "/bin/sh", "-c", f"{fakes.target}; exit 3")
    assert "the program exited with 3" in latest(tmp_path).notes


@pytest.mark.parametrize("program", ["/no/such/program", "."])
def test_a_program_that_is_not_there(audit_syncs: Audited, program: str, tmp_path: Path) -> None:
    result = audit_syncs("--", program)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"error: {program} cannot be run")
    assert os.listdir(tmp_path) == []
