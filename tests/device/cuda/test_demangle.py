"""Names of kernels as the source has them."""

import pytest

from imp_graphcheck.device.cuda import demangle as module
from imp_graphcheck.device.cuda.demangle import demangle

ELEMENTWISE = (
    "_ZN2at6native29vectorized_elementwise_kernelILi4ENS0_15CUDAFunctor_addIfEESt5arrayIPcLm3EEEEviT0_T1_",
    "void at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add<float>, "
    "std::array<char*, 3ul> >(int, at::native::CUDAFunctor_add<float>, std::array<char*, 3ul>)",
)


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        ("_Z4axpyPKfPff", "axpy(float const*, float*, float)"),
        ELEMENTWISE,
        ("triton_poi_fused_add_0", "triton_poi_fused_add_0"),
        ("nvjet_hsh_128x64_64x7_2x1_v_bz_TNN", "nvjet_hsh_128x64_64x7_2x1_v_bz_TNN"),
        ("_Znot_mangled", "_Znot_mangled"),
        ("", ""),
    ],
)
def test_names(symbol: str, name: str) -> None:
    assert demangle(symbol) == name


def test_without_the_cxx_runtime_a_name_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_demangler", lambda: None)
    assert demangle.__wrapped__("_Z4axpyPKfPff") == "_Z4axpyPKfPff"
