"""From facts to what will work, and what to do about the rest."""

import pytest
from msgspec.structs import replace

from imp_graphcheck.machine.abilities import abilities_of
from imp_graphcheck.record.machine import Driver, Gpu, Torch

TORCH = Torch(version="2.13.0", built_for_cuda="13.0")
CPU_TORCH = Torch(version="2.13.0+cpu", cuda="no GPU.")
DRIVER = Driver(version="580", cuda_version="13.1", gpus=(Gpu(index=0, name="H200"),))
NO_DRIVER = Driver(problem="no NVIDIA driver answers (x)")
WITH_BINDINGS: dict[str, str | None] = {"cuda-bindings": "13.5.0"}


@pytest.mark.parametrize(
    ("torch", "driver", "packages", "works"),
    [
        (TORCH, DRIVER, WITH_BINDINGS, [True, True, True]),
        (TORCH, DRIVER, {"cuda-bindings": None}, [True, True, False]),
        (CPU_TORCH, NO_DRIVER, WITH_BINDINGS, [True, False, False]),
        (CPU_TORCH, DRIVER, WITH_BINDINGS, [True, False, False]),
        (TORCH, replace(DRIVER, gpus=()), WITH_BINDINGS, [True, False, False]),
        (replace(TORCH, cuda="driver too old."), DRIVER, WITH_BINDINGS, [True, False, False]),
        (replace(TORCH, sim="ImportError: x"), DRIVER, WITH_BINDINGS, [False, True, True]),
        (Torch(problem="ImportError: libtorch.so"), DRIVER, WITH_BINDINGS, [False, False, False]),
    ],
    ids=["all", "no bindings", "no driver", "cpu torch", "no gpu", "old driver", "no sim", "broken torch"],
)
def test_what_works(torch: Torch, driver: Driver, packages: dict[str, str | None], works: list[bool]) -> None:
    abilities = abilities_of(torch, driver, packages)

    assert [ability.works for ability in abilities] == works
    for ability in abilities:
        assert bool(ability.because) == bool(ability.remedy) == (not ability.works)


def test_the_first_obstacle_is_named() -> None:
    _, on_cuda, _ = abilities_of(CPU_TORCH, DRIVER, WITH_BINDINGS)

    assert on_cuda.because == "torch 2.13.0+cpu is built without CUDA"
    assert on_cuda.remedy == "install a CUDA build of torch"
