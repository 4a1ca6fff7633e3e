"""What a trace becomes: sites with their counts, phases and verdicts."""

from pathlib import Path

import pytest

from imp_graphcheck.inject.frames import Own, headline_at, library_call
from imp_graphcheck.inject.merge import merge_sites
from imp_graphcheck.inject.sites import Places, count_launches, find_headline, find_sites
from imp_graphcheck.record.audit import AuditSite, Headline
from tests.inject.traces import GLOBAL, OTHER_STREAM, RELAXED, STREAM, THREAD_LOCAL, Story, frame

H2D, D2H, D2D, H2H = 1, 2, 3, 4
PAGEABLE, PINNED, DEVICE, MANAGED = 1, 2, 3, 4
COPY = "cudaMemcpyAsync_v3020"


def places(story: Story, directory: Path | None = None) -> Places:
    return Places(story.trace, story.symbols, directory, Own())


def sites(story: Story, directory: Path | None = None) -> tuple[AuditSite, ...]:
    return find_sites(story.trace, places(story, directory))


def only(story: Story) -> AuditSite:
    (site,) = sites(story)
    return site


def headline(story: Story) -> Headline | None:
    return find_headline(story.trace, places(story))


@pytest.mark.parametrize(
    ("mode", "name", "fields", "kind", "fate", "code"),
    [
        (
            GLOBAL,
            COPY,
            {"direction": H2D, "source_memory": PAGEABLE, "stream": STREAM},
            "h2d",
            "rereads host",
            "GC105",
        ),
        (
            GLOBAL,
            COPY,
            {"direction": H2D, "source_memory": PINNED, "stream": STREAM},
            "h2d",
            "rereads host",
            "GC206",
        ),
        (
            GLOBAL,
            COPY,
            {"direction": D2H, "target_memory": PINNED, "stream": STREAM},
            "d2h",
            "rereads host",
            "GC102",
        ),
        (GLOBAL, COPY, {"direction": D2D, "stream": STREAM}, "d2d", "fixed", None),
        (
            GLOBAL,
            COPY,
            {"source_memory": PINNED, "target_memory": DEVICE, "stream": STREAM},
            "h2d",
            "rereads host",
            "GC206",
        ),
        (
            GLOBAL,
            COPY,
            {"source_memory": DEVICE, "target_memory": PAGEABLE, "stream": STREAM},
            "d2h",
            "rereads host",
            "GC102",
        ),
        (
            GLOBAL,
            COPY,
            {"source_memory": MANAGED, "target_memory": DEVICE, "stream": STREAM},
            "d2d",
            "fixed",
            None,
        ),
        (
            GLOBAL,
            COPY,
            {"direction": H2H, "source_memory": PINNED, "stream": STREAM},
            "h2d",
            "rereads host",
            "GC206",
        ),
        (GLOBAL, COPY, {"direction": H2D, "stream": OTHER_STREAM}, "h2d", "capture only", "GC106"),
        (
            GLOBAL,
            "cudaStreamSynchronize_v3020",
            {"stream": STREAM, "result": 900},
            "sync",
            "forbidden",
            "GC101",
        ),
        (RELAXED, "cudaStreamSynchronize_v3020", {"stream": OTHER_STREAM}, "sync", "capture only", "GC101"),
        (GLOBAL, "cudaMalloc_v3020", {"result": 900}, "alloc", "forbidden", "GC103"),
        (RELAXED, "cudaMalloc_v3020", {}, "alloc", "capture only", "GC103"),
        (GLOBAL, "cudaMalloc_v3020", {"thread_mode": RELAXED}, "alloc", "capture only", "GC103"),
        (RELAXED, "cudaMalloc_v3020", {"result": 900}, "alloc", "forbidden", "GC103"),
        (GLOBAL, "cudaMallocAsync_ptsz_v11020", {"stream": STREAM}, "alloc", "fixed", None),
        (THREAD_LOCAL, "cuMemcpyHtoD_v2", {"result": 906}, "h2d", "forbidden", "GC105"),
        (RELAXED, "cudaMemset_v3020", {"result": 906}, "memset", "forbidden", "GC109"),
        (GLOBAL, "cudaEventCreateWithFlags_v3020", {}, "handle", "harmless", None),
        (GLOBAL, "cudaStreamCreateWithFlags_v5000", {}, "handle", "capture only", "GC104"),
        (GLOBAL, "cudaStreamWaitEvent_v3020", {"stream": OTHER_STREAM}, "xstream", "harmless", None),
        (GLOBAL, "cudaMalloc_v3020", {"result": 901}, "alloc", "forbidden", "GC103"),
        (GLOBAL, "cudaDeviceSynchronize_v3020", {"returns": False}, "sync", "forbidden", "GC101"),
    ],
)
def test_the_verdict_of_a_call_in_a_captured_region(
    mode: int, name: str, fields: dict[str, int], kind: str, fate: str, code: str | None
) -> None:
    story = Story()
    story.begin(mode)
    story.call(name, **fields)
    story.end()

    site = only(story)
    assert (site.kind, site.fate, site.code) == (kind, fate, code), site.reason
    assert site.reachable == "yes"
    assert site.phases == {"capture": 1}


def test_outside_of_captures_every_call_is_harmless() -> None:
    story = Story()
    story.tally("cudaDeviceSynchronize_v3020", count=7)
    story.tally(
        COPY, frame(line=11), count=3, bytes=300, direction=H2D, source_memory=PAGEABLE, stream=STREAM
    )

    found = sites(story)
    assert {site.fate for site in found} == {"harmless"}
    assert {site.reachable for site in found} == {"no"}
    assert found[0].reason == "no stream was being captured"
    assert [(site.count, site.bytes_total) for site in found] == [(7, 0), (3, 300)]


def test_the_captured_call_decides_and_all_are_counted() -> None:
    story = Story()
    story.tally(COPY, count=4, bytes=400, direction=H2D, source_memory=PINNED, stream=OTHER_STREAM)
    story.begin()
    story.call(COPY, direction=H2D, source_memory=PAGEABLE, stream=STREAM, bytes=100)
    story.end()

    site = only(story)
    assert (site.fate, site.host) == ("rereads host", "pageable")
    assert site.phases == {"elsewhere": 4, "capture": 1}
    assert (site.count, site.bytes_total) == (5, 500)
    assert site.streams == ("0x100", "0x200")
    assert site.threads == ("main (101)",)
    assert "from pageable and from pinned memory" in site.notes


@pytest.mark.parametrize(
    ("mode", "result", "fate", "code"),
    [
        (GLOBAL, 900, "forbidden", "GC107"),
        (THREAD_LOCAL, 0, "harmless", None),
        (GLOBAL, 600, "harmless", None),
    ],
)
def test_another_threads_call_is_judged_by_what_it_answered(
    mode: int, result: int, fate: str, code: str | None
) -> None:
    story = Story()
    story.begin(mode)
    story.call("cudaEventQuery_v3020", thread=2, result=result)
    story.end()

    site = only(story)
    assert (site.fate, site.code) == (fate, code)
    assert site.phases == {"elsewhere": 1}
    assert site.threads == ("watchdog (102)",)
    assert "1 times by another thread while a stream was being captured" in site.notes


def test_sites_are_lines_and_apis_and_ways() -> None:
    story = Story()
    story.begin()
    for line in (10, 11):
        story.call(COPY, frame(line=line), direction=H2D, stream=STREAM)
        story.call(COPY, frame(line=line), direction=D2H, stream=STREAM)
        story.call("cudaMemsetAsync_v3020", frame(line=line), stream=STREAM)
    story.end()

    assert len(sites(story)) == 6


def test_one_line_inlined_twice_is_one_site() -> None:
    story = Story()
    story.tally("cudaMalloc_v3020", frame("grow"), frame("main", line=90))
    story.tally("cudaMalloc_v3020", frame("main"), frame("main", line=95))

    assert only(story).count == 2


def test_worst_first() -> None:
    story = Story()
    story.begin()
    story.call("cudaMemsetAsync_v3020", frame(line=1), stream=STREAM)
    story.call("cudaMalloc_v3020", frame(line=2), result=900)
    story.call(COPY, frame(line=3), direction=H2D, stream=STREAM)
    story.end()
    story.tally("cudaMalloc_v3020", frame(line=4))

    assert [site.fate for site in sites(story)] == ["forbidden", "rereads host", "fixed", "harmless"]


def test_paths_are_relative_to_the_audited_folder() -> None:
    story = Story()
    story.tally("cudaMalloc_v3020", frame(file="/src/csrc/pool.cpp"))
    story.tally("cudaMalloc_v3020", frame(file="/elsewhere/pool.cpp"))

    assert [site.file for site in sites(story, Path("/src"))] == ["/elsewhere/pool.cpp", "csrc/pool.cpp"]


CUBLAS = "/lib/libcublas.so.13"


def _cublas(inner: str, *outer: str) -> tuple:  # type: ignore[type-arg]
    return (
        frame("", line=0, module="/lib/libcuda.so.1"),
        frame(inner, line=0, module=CUBLAS),
        *(frame(function, line=0, module=CUBLAS) for function in outer),
        frame("handle", line=20),
        frame("main", line=30),
    )


def test_a_library_handle_is_found_in_the_stacks_of_its_calls() -> None:
    story = Story()
    story.begin(RELAXED)
    for _ in range(2):
        story.call("cudaMalloc_v3020", *_cublas("a", "cublasCreate_v2"), bytes=64)
        for _ in range(18):
            story.call("cudaEventCreateWithFlags_v3020", *_cublas("b", "cublasCreate_v2"))
    story.end()

    site = only(story)
    assert (site.api, site.kind, site.fate, site.code) == ("cublasCreate", "handle", "capture only", "GC104")
    assert (site.line, site.function) == (20, "handle")
    assert site.count == 2
    assert site.bytes_total == 128
    assert "it makes 36 cudaEventCreateWithFlags, 2 cudaMalloc" in site.notes


def test_a_handle_in_a_strict_capture_is_forbidden_by_what_it_makes() -> None:
    story = Story()
    story.begin(GLOBAL)
    story.call("cudaMalloc_v3020", *_cublas("a", "cublasCreate_v2"), result=900)
    story.end(result=901)

    assert only(story).fate == "forbidden"
    found = headline(story)
    assert found is not None
    assert (found.api, found.error, found.line) == (
        "cublasCreate",
        "900 cudaErrorStreamCaptureUnsupported",
        20,
    )
    assert found.hidden_by == "901 cudaErrorStreamCaptureInvalidated"


def test_calls_inside_a_library_are_the_programs_line_with_a_note() -> None:
    story = Story()
    story.begin()
    story.call("cudaMemsetAsync_v3020", *_cublas("a", "cublasSgemm_v2"), stream=STREAM)
    story.end()

    site = only(story)
    assert (site.api, site.line) == ("cudaMemsetAsync", 20)
    assert "inside cublasSgemm_v2" in site.notes


@pytest.mark.parametrize(
    ("frames", "line"),
    [
        ([("cudaMalloc", 0, "/bin/engine"), ("grow", 7, "/bin/engine"), ("main", 9, "/bin/engine")], 7),
        (
            [
                ("cudaMalloc<float>", 5, "/bin/engine", "/usr/include/cuda_runtime.h"),
                ("grow", 7, "/bin/engine"),
            ],
            7,
        ),
        ([("at::empty", 0, "/site/torch/lib/libtorch_cuda.so"), ("step", 7, "/bin/engine")], 7),
        ([("std::vector", 3, "/bin/engine", "/usr/include/c++/12/vector"), ("step", 7, "/bin/engine")], 7),
        ([("plain", 0, "/bin/engine"), ("step", 7, "/bin/engine")], 7),
        ([("at::empty", 4, "/site/torch/lib/libtorch_cuda.so", "/pytorch/Empty.cpp")], 4),
    ],
)
def test_the_headline_is_the_programs_innermost_line(frames: list[tuple], line: int) -> None:  # type: ignore[type-arg]
    made = [
        frame(name, line=number, module=module, file=(rest or ["/src/engine.cpp"])[0])
        for name, number, module, *rest in frames
    ]
    at = headline_at(made, Own())

    assert at is not None
    assert made[at].line == line


def test_more_libraries_can_be_called_foreign() -> None:
    frames = [frame("alloc", line=3, module="/lib/libmypool.so.1"), frame("step", line=7)]

    assert headline_at(frames, Own()) == 0
    assert headline_at(frames, Own(foreign_modules=("libmypool",))) == 1


def test_without_lines_the_function_and_offset_are_the_place() -> None:
    story = Story()
    story.tally("cudaMalloc_v3020", frame("grow", line=0))

    site = only(story)
    assert (site.file, site.line, site.function) == ("engine+0x40", 0, "grow")


def test_a_stack_that_was_dropped_is_unknown() -> None:
    story = Story()
    story.tally("cudaMalloc_v3020")
    story.symbols.frames.clear()

    assert only(story).place == "<unknown>"


def test_a_wrapper_with_a_librarys_name_is_the_programs() -> None:
    frames = [frame("cublasCreateChecked", line=3), frame("main", line=9)]

    assert headline_at(frames, Own()) == 0
    assert library_call(frames[:1], Own()) == ""


def test_the_first_failure_of_a_capture_is_the_headline() -> None:
    story = Story()
    story.call("cudaMalloc_v3020", result=2)
    story.begin(THREAD_LOCAL)
    story.call("cudaEventQuery_v3020", frame(line=12), thread=2, result=600)
    story.call("cudaMalloc_v3020", frame("grow", line=13), result=900)
    story.call(COPY, frame(line=14), direction=H2D, stream=STREAM, result=901)
    story.end(result=901)

    assert headline(story) == Headline(
        api="cudaMalloc",
        error="900 cudaErrorStreamCaptureUnsupported",
        file="/src/engine.cpp",
        line=13,
        function="grow",
        mode="thread_local",
        hidden_by="901 cudaErrorStreamCaptureInvalidated",
    )


def test_a_capture_that_fails_by_what_nobody_watches_has_its_end_as_headline() -> None:
    story = Story()
    story.begin()
    story.end(result=904)

    found = headline(story)
    assert found is not None
    assert (found.api, found.error, found.hidden_by) == (
        "cudaStreamEndCapture",
        "904 cudaErrorStreamCaptureUnjoined",
        "",
    )


def test_without_a_failure_there_is_no_headline() -> None:
    story = Story()
    story.call("cudaMalloc_v3020", result=2)
    story.begin()
    story.call("cudaMemsetAsync_v3020", stream=STREAM)
    story.call("cudaMalloc_v3020", thread=2, result=2)
    story.end()

    assert headline(story) is None


def test_replays_are_counted() -> None:
    story = Story()
    story.tally("cudaGraphLaunch_v10000", count=40)
    story.tally("cuGraphLaunch_ptsz", count=2)
    story.tally("cudaGraphInstantiate_v12000", count=9)
    story.begin()
    story.call("cudaGraphLaunch_v10000", stream=OTHER_STREAM)
    story.end()

    assert count_launches(story.trace) == 43
    assert sites(story) == ()


def test_processes_are_added_up_and_the_worst_stands() -> None:
    def process(mode: int, result: int, thread: int) -> tuple[AuditSite, ...]:
        story = Story()
        story.begin(mode, thread=thread)
        story.call("cudaMalloc_v3020", result=result, bytes=10, thread=thread)
        story.end(thread=thread)
        return sites(story)

    (site,) = merge_sites([process(RELAXED, 0, 1), process(GLOBAL, 900, 2), process(RELAXED, 0, 1)])

    assert (site.fate, site.count, site.bytes_total) == ("forbidden", 3, 30)
    assert site.phases == {"capture": 3}
    assert site.threads == ("main (101)", "watchdog (102)")
