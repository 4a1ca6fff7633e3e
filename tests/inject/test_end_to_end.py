"""The whole of it on a machine without a GPU: the real library, injected by a fake driver into the planted program."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from imp_graphcheck.errors import UsageError
from imp_graphcheck.inject import ProcessAudit, audit_process
from imp_graphcheck.record.audit import AuditSite
from tests.inject.conftest import Fakes
from tests.inject.toolchain import PROGRAMS, Planted, planted

Audited = Callable[..., ProcessAudit]


@pytest.fixture
def audited(fakes: Fakes, library: Path, tmp_path: Path) -> Audited:
    def run(*command: str, **options: object) -> ProcessAudit:
        return audit_process(
            command or (str(fakes.target),),
            library=library,
            cupti=(fakes.cupti,),
            directory=PROGRAMS,
            traces=tmp_path / "traces",
            **options,  # type: ignore[arg-type]
        )

    return run


def site_at(audit: ProcessAudit, line: int, api: str) -> AuditSite:
    (site,) = [site for site in audit.sites if site.line == line and site.api == api]
    return site


def line_of(text: str) -> int:
    lines = (PROGRAMS / "planted.cu").read_text().splitlines()
    (found,) = [number for number, line in enumerate(lines, start=1) if text in line]
    return found


@pytest.mark.parametrize("wanted", planted(), ids=lambda wanted: f"{wanted.line}-{wanted.api}")
def test_every_planted_call_is_at_its_line_with_its_verdict(
    audited_once: ProcessAudit, wanted: Planted
) -> None:
    site = site_at(audited_once, wanted.line, wanted.api)

    assert (site.kind, site.fate) == (wanted.kind, wanted.fate), site.reason
    assert site.file == "planted.cpp" or site.file.endswith("/planted.cpp")
    assert site.origins == ("process",)


@pytest.fixture(scope="module")
def audited_once(fakes: Fakes, library: Path, tmp_path_factory: pytest.TempPathFactory) -> ProcessAudit:
    return audit_process(
        [str(fakes.target)],
        library=library,
        cupti=(fakes.cupti,),
        directory=fakes.folder,
        traces=tmp_path_factory.mktemp("traces"),
    )


def test_there_is_something_planted() -> None:
    kinds = {each.kind for each in planted()}

    assert kinds == {
        *("h2d", "d2h", "sync", "query", "alloc", "free", "handle", "memset", "xstream", "callback")
    }


def test_the_audit_says_what_was_run(audited_once: ProcessAudit, fakes: Fakes) -> None:
    assert audited_once.returncode == 3
    assert (audited_once.status, audited_once.status_reason) == ("complete", "")
    assert audited_once.traced_by == "CUPTI 13.0, injected"
    assert audited_once.captures == 6
    assert audited_once.graph_launches == 3
    assert audited_once.environment["executable"] == str(fakes.target)
    assert audited_once.environment["cupti"] == str(fakes.cupti)
    assert audited_once.notes == ()


def test_a_runtime_call_is_counted_once(audited_once: ProcessAudit) -> None:
    """Each is made of a call of the driver, which is reported too."""
    assert [
        site.api for site in audited_once.sites if site.api.startswith("cu") and site.api[2].isupper()
    ] == []
    assert site_at(audited_once, line_of("reinterpret_cast<void**>(&on_device)"), "cudaMalloc").count == 1


def test_eager_and_captured_passes_are_told_apart(audited_once: ProcessAudit) -> None:
    site = site_at(
        audited_once, line_of("numbers, kBytes, cudaMemcpyHostToDevice, stream"), "cudaMemcpyAsync"
    )

    assert site.phases == {"capture": 1, "elsewhere": 1}
    assert (site.count, site.bytes_total) == (2, 2048)
    assert site.host == "pageable"
    assert site.code == "GC105"
    assert site.reachable == "yes"


def test_a_copy_of_unsaid_direction_is_read_from_its_addresses(audited_once: ProcessAudit) -> None:
    site = site_at(audited_once, line_of("cudaMemcpyDefault"), "cudaMemcpyAsync")

    assert (site.kind, site.host, site.code) == ("h2d", "pinned", "GC206")


def test_a_handle_is_one_site_with_what_it_makes(audited_once: ProcessAudit) -> None:
    line = line_of("cublasCreate_v2(&blas) != 0")

    assert [site.api for site in audited_once.sites if site.line == line] == ["cublasCreate"]
    site = site_at(audited_once, line, "cublasCreate")
    assert site.count == 1
    assert "it makes 4 cudaEventCreateWithFlags, 1 cudaMalloc" in site.notes
    assert any(frame.function == "cublasCreate_v2" for frame in site.stack)


def test_a_thread_beside_a_global_capture_is_named(audited_once: ProcessAudit) -> None:
    site = site_at(audited_once, line_of("expect_failure(cudaEventQuery"), "cudaEventQuery")

    assert site.code == "GC107"
    assert "global mode" in site.reason
    assert site.phases == {"elsewhere": 1}
    main = site_at(audited_once, line_of("expect_failure(cudaMalloc"), "cudaMalloc")
    assert set(site.threads).isdisjoint(main.threads)


def test_the_first_failing_call_is_the_headline(audited_once: ProcessAudit) -> None:
    headline = audited_once.headline

    assert headline is not None
    assert (headline.api, headline.error) == (
        "cudaStreamSynchronize",
        "900 cudaErrorStreamCaptureUnsupported",
    )
    assert headline.line == line_of("expect_failure(cudaStreamSynchronize")
    assert headline.mode == "global"
    assert headline.hidden_by == "901 cudaErrorStreamCaptureInvalidated"


def test_what_the_program_prints_leaves_stdout_to_the_audit(
    audited: Audited, capfd: pytest.CaptureFixture[str]
) -> None:
    audited()

    assert capfd.readouterr() == ("", "planted calls were made\n")


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ("39", "another tool of this process has subscribed"),
        ("14", "does not fit the driver"),
        ("999", "refuses"),
    ],
)
def test_a_cupti_that_does_not_serve_leaves_the_program_alone(
    audited: Audited, monkeypatch: pytest.MonkeyPatch, answer: str, says: str
) -> None:
    monkeypatch.setenv("FAKE_CUPTI_ANSWERS", answer)
    audit = audited()

    assert audit.returncode == 3
    assert audit.status == "failed"
    assert says in audit.status_reason
    assert audit.sites == ()
    assert f"CUPTI result {answer}" in audit.notes[0]


def test_without_libcupti_the_program_runs_all_the_same(fakes: Fakes, library: Path, tmp_path: Path) -> None:
    audit = audit_process([str(fakes.target)], library=library, cupti=(tmp_path / "libcupti.so.13",))

    assert audit.returncode == 3
    assert (audit.status, audit.status_reason) == ("failed", "libcupti could not be loaded")


def test_the_next_libcupti_is_tried(fakes: Fakes, library: Path, tmp_path: Path) -> None:
    audit = audit_process([str(fakes.target)], library=library, cupti=(tmp_path / "none.so", fakes.cupti))

    assert audit.status == "complete"


def test_a_command_without_cuda_has_nothing_to_trace(audited: Audited) -> None:
    audit = audited("sh", "-c", "exit 5")

    assert audit.returncode == 5
    assert audit.status == "failed"
    assert "no process of the command used CUDA" in audit.status_reason
    assert "exited with status 5" in audit.status_reason


def test_several_processes_are_one_audit(audited: Audited, fakes: Fakes) -> None:
    audit = audited("sh", "-c", f"{fakes.target}; {fakes.target}; exit 0")

    assert audit.returncode == 0
    assert audit.environment["processes"] == "2"
    assert audit.captures == 12
    site = site_at(audit, line_of("numbers, kBytes, cudaMemcpyHostToDevice, stream"), "cudaMemcpyAsync")
    assert site.phases == {"capture": 2, "elsewhere": 2}


def test_earlier_traces_in_the_folder_are_left_out(audited: Audited) -> None:
    audited()

    assert audited().environment["processes"] == "1"


def test_a_bounded_trace_says_what_is_missing(audited: Audited) -> None:
    audit = audited(trace_bytes=1)

    assert audit.status == "complete", "two megabytes are the least, and enough for this program"


def test_another_injected_tool_is_not_pushed_aside(audited: Audited, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_INJECTION64_PATH", "/opt/profiler.so")

    with pytest.raises(UsageError, match=r"is set to /opt/profiler\.so: CUDA loads one library"):
        audited(sys.executable, "-c", "pass")
