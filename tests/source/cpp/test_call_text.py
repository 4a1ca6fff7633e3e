"""A call in the words of the source: what a baseline tells equal calls apart by."""

from pathlib import Path

import pytest
from msgspec import structs

from imp_graphcheck.record.baseline import baseline_of, compared
from imp_graphcheck.source.cpp.audit import audit_cpp
from imp_graphcheck.source.cpp.call_text import MOST_CHARACTERS, call_text


@pytest.mark.parametrize(
    ("source", "name", "text"),
    [
        ("    cudaFree(p);", "cudaFree", "cudaFree(p)"),
        ("    CHECK(cudaFree(p->at(0)));", "cudaFree", "cudaFree(p->at(0))"),
        ("    f(); cudaFree(p);", "cudaFree", "cudaFree(p)"),
        ("cudaMemcpyAsync(out,\n    in,   n * sizeof(float),\n  kind, s);", "cudaMemcpyAsync", "cudaMemcpyAsync(out, in, n * sizeof(float), kind, s)"),
        ("cuMemAlloc_v2(&p, 4);", "cuMemAlloc", "cuMemAlloc_v2(&p, 4)"),
        ("cudaMemcpy(a, b /* c) */, 4); // cudaMemcpy(x)", "cudaMemcpy", "cudaMemcpy(a, b , 4)"),
        ('cudaPut(")", \'(\', p);', "cudaPut", 'cudaPut(")", \'(\', p)'),
        ("float v = x[0].sum().item<float>();", "item", "x[0].sum().item<float>()"),
        ("auto n = this->x\n    .nonzero();", "nonzero", "this->x .nonzero()"),
        ("at::cuda::getCurrentCUDAStream().synchronize();", "synchronize", "at::cuda::getCurrentCUDAStream().synchronize()"),
        ("thrust::device_vector<float> keys(100);", "device_vector", "thrust::device_vector<float> keys(100)"),
        ("thrust::sort(thrust::cuda::par.on(s), a, b);", "sort", "thrust::sort(thrust::cuda::par.on(s), a, b)"),
        ("#define SYNC(s) do { \\\n  cudaStreamSynchronize(s); \\\n} while (0)", "cudaStreamSynchronize", "cudaStreamSynchronize(s)"),
        ("    SYNC(stream);\n    cudaStreamSynchronize(other);", "cudaStreamSynchronize", "SYNC(stream);"),
        ("// cudaFree(q)\ncudaFree(p);", "cudaFree", "cudaFree(p)"),
        ("cudaFree(p", "cudaFree", "cudaFree(p"),
        ("", "cudaFree", ""),
    ],
)  # fmt: skip
def test_the_call_on_one_line(source: str, name: str, text: str) -> None:
    assert call_text(source.split("\n"), name) == text


def test_a_long_call_is_cut() -> None:
    text = call_text([f"cudaFree({'p' * 500});"], "cudaFree")
    assert len(text) == MOST_CHARACTERS
    assert text.startswith("cudaFree(ppp")
    assert text.endswith("p…")


def audited(folder: Path, body: str) -> tuple:  # type: ignore[type-arg]
    (folder / "a.cu").write_text("#include <cuda_runtime.h>\nvoid forward(cudaStream_t s) {\n" + body + "}\n")
    return audit_cpp(folder, ["forward"]).sites


def test_sites_carry_their_text(tmp_path: Path) -> None:
    first, second = audited(
        tmp_path, "    cudaStreamSynchronize(s);\n    CHECK( cudaStreamSynchronize( t ) );\n"
    )
    assert (first.text, second.text) == ("cudaStreamSynchronize(s)", "cudaStreamSynchronize( t )")


def test_a_baseline_tells_another_call_of_the_same_function_from_the_known_one(tmp_path: Path) -> None:
    known = baseline_of(audited(tmp_path, "    cudaStreamSynchronize(s);\n"))
    sites = audited(tmp_path, "    cudaStreamSynchronize(late);\n    cudaStreamSynchronize(s);\n")
    told, gone = compared(sites, known)
    assert [(site.text, site.is_new) for site in told] == [
        ("cudaStreamSynchronize(late)", True),
        ("cudaStreamSynchronize(s)", False),
    ]
    assert not gone
    # Without the words the first of them would be taken for the known one.
    bare = [structs.replace(site, text="") for site in sites]
    assert [site.is_new for site in compared(bare, baseline_of(bare[:1]))[0]] == [False, True]
