"""The driver's answers, without a driver."""

import pytest

from imp_graphcheck.machine.nvml import decode_reasons, read_driver
from imp_graphcheck.record.machine import Driver, Gpu
from tests.machine.fake_nvml import READINGS, FakeNvml


def test_everything_a_card_tells() -> None:
    nvml = FakeNvml()

    driver = read_driver(nvml)

    assert driver == Driver(
        version="580.65.06",
        cuda_version="13.1",
        gpus=(
            Gpu(
                index=0,
                name="NVIDIA H200",
                compute_capability="9.0",
                memory_total_bytes=141 << 30,
                memory_used_bytes=1 << 30,
                sm_clock_mhz=1200,
                sm_clock_max_mhz=1980,
                memory_clock_mhz=3201,
                memory_clock_max_mhz=3201,
                power_watts=118.4,
                power_limit_watts=700.0,
                temperature_celsius=41,
                clock_event_reasons=("software power cap", "hardware thermal slowdown"),
                compute_mode="exclusive process",
                ecc_uncorrected=0,
                processes=("pid 7, 2 MiB", "pid 8"),
            ),
        ),
    )
    assert nvml.shut_down


def test_a_card_that_tells_only_its_name() -> None:
    only_name = {key: value for key, value in READINGS.items() if key == ("nvmlDeviceGetName",)}

    assert read_driver(FakeNvml(readings=only_name)).gpus == (Gpu(index=0, name="NVIDIA H200"),)


def test_no_driver_is_a_fact_and_no_error() -> None:
    driver = read_driver(FakeNvml(init_error="NVML Shared Library Not Found"))

    assert driver == Driver(problem="no NVIDIA driver answers (NVML Shared Library Not Found)")


def test_a_driver_that_breaks_off_is_let_go() -> None:
    nvml = FakeNvml(count_error="Unknown Error")

    assert read_driver(nvml).problem == "the NVIDIA driver answers with an error (Unknown Error)"
    assert nvml.shut_down


@pytest.mark.parametrize(
    ("bits", "words"),
    [(0, ()), (1, ("idle",)), (0x1 | 0x80, ("idle", "power brake")), (1 << 40, ("reason 0x10000000000",))],
)
def test_clock_event_reasons_in_words(bits: int, words: tuple[str, ...]) -> None:
    assert decode_reasons(bits) == words


def test_the_real_module_has_every_name_that_is_used() -> None:
    """A fake that offers what the real module lacks would hide a typing error until somebody has a GPU."""
    import inspect
    import re

    import pynvml

    from imp_graphcheck.machine import nvml

    names = set(re.findall(r"\b(nvml[A-Z]\w+|NVML_?\w+)", inspect.getsource(nvml))) - {
        "nvmlClocksEventReasons"
    }

    assert "nvmlDeviceGetPowerUsage" in names
    assert [name for name in sorted(names) if not hasattr(pynvml, name) and name != "NVML"] == []
