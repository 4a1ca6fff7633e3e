"""What exceptions say of the device, in torch's own words and in chains as torch builds them."""

from collections.abc import Callable

import pytest
import torch

from imp_graphcheck.device.cuda.error_codes import BY_NUMBER, BY_TEXT
from imp_graphcheck.device.cuda.errors import explain
from imp_graphcheck.device.protocol import DeviceError

ADVICE = """
Search for `{name}' in https://docs.nvidia.com/cuda/cuda-runtime-api/group__CUDART__TYPES.html for more information.
CUDA kernel errors might be asynchronously reported at some other API call, so the stacktrace below might be incorrect.
"""


def accelerator_error(number: int, *, with_code: bool = True) -> torch.AcceleratorError:
    """As torch raises it."""
    code = BY_NUMBER[number]
    error = torch.AcceleratorError(f"CUDA error: {code.text}{ADVICE.format(name=code.name)}")
    if with_code:
        error.error_code = number  # type: ignore[attr-defined]
    return error


def explained(error: BaseException) -> DeviceError:
    found = explain(error)
    assert found is not None
    return found


@pytest.mark.parametrize("number", BY_NUMBER)
@pytest.mark.parametrize("with_code", [True, False])
def test_every_code_is_recognised_by_number_and_by_text(number: int, with_code: bool) -> None:
    found = explained(accelerator_error(number, with_code=with_code))
    assert (found.number, found.name) == (number, BY_NUMBER[number].name)
    assert found.meaning == BY_NUMBER[number].meaning


@pytest.mark.parametrize("number", BY_NUMBER)
def test_meanings_are_one_sentence_for_a_reader(number: int) -> None:
    meaning = BY_NUMBER[number].meaning
    assert meaning
    assert not meaning.endswith(".")
    assert "\n" not in meaning
    assert meaning != BY_NUMBER[number].text


def test_no_two_codes_share_their_text() -> None:
    assert len(BY_TEXT) == len(BY_NUMBER)


@pytest.mark.parametrize("number", [700, 702, 710, 714, 715, 716, 717, 718, 719])
def test_errors_of_a_kernel_end_the_context(number: int) -> None:
    assert explained(accelerator_error(number)).sticky


@pytest.mark.parametrize("number", [1, 2, 46, *range(900, 909), 999])
def test_refusals_do_not(number: int) -> None:
    assert not explained(accelerator_error(number)).sticky


@pytest.mark.parametrize("number", range(900, 909))
def test_capture_errors_are_during_capture(number: int) -> None:
    assert explained(accelerator_error(number)).during_capture


def test_an_error_that_the_table_lacks_keeps_its_number_and_words() -> None:
    error = torch.AcceleratorError("CUDA error: peer access is not supported between these two devices\nmore")
    error.error_code = 217  # type: ignore[attr-defined]
    found = explained(error)
    assert (found.number, found.meaning) == (217, "peer access is not supported between these two devices")


TEXTS = {
    "older torch": ("CUDA error: an illegal memory access was encountered", 700),
    "driver API": ("CUDA driver error: misaligned address", 716),
    "triton": ("Triton Error [CUDA]: device-side assert triggered", 710),
    "symbol only": ("something failed with cudaErrorStreamCaptureUnjoined here", 904),
}


@pytest.mark.parametrize(("text", "number"), TEXTS.values(), ids=TEXTS)
def test_runtime_errors_by_their_text(text: str, number: int) -> None:
    assert explained(RuntimeError(text)).number == number


def test_out_of_memory() -> None:
    found = explained(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB."))
    assert (found.number, found.name, found.sticky) == (2, "cudaErrorMemoryAllocation", False)


LIBRARIES = {
    "cuBLAS, first use": (
        "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`",
        ("CUBLAS_STATUS_NOT_INITIALIZED", 1, True),
    ),
    "cuDNN, first use": (
        "cuDNN error: CUDNN_STATUS_NOT_INITIALIZED",
        ("CUDNN_STATUS_NOT_INITIALIZED", 0, True),
    ),
    "cuSOLVER, first use": (
        "cusolver error: CUSOLVER_STATUS_INTERNAL_ERROR, when calling `cusolverDnCreate(handle)`",
        ("CUSOLVER_STATUS_INTERNAL_ERROR", 0, True),
    ),
    "cuBLAS, launch": (
        "CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm( handle, opa, opb)`",
        ("CUBLAS_STATUS_EXECUTION_FAILED", 13, False),
    ),
}


@pytest.mark.parametrize(("text", "expected"), LIBRARIES.values(), ids=LIBRARIES)
def test_libraries(text: str, expected: tuple[str, int, bool]) -> None:
    found = explained(RuntimeError(text))
    assert (found.name, found.number, found.during_capture) == expected


REFUSALS = {
    "pageable copy": (
        "Cannot copy between CPU and CUDA tensors during CUDA graph capture unless the CPU tensor is pinned. "
        "Please use tensor.pin_memory() or allocate the tensor with pin_memory=True.",
        900,
        True,
    ),
    "seed": (
        "Cannot call CUDAGeneratorImpl::current_seed during CUDA graph capture. If you need this call to be "
        "captured, please file an issue. Current cudaStreamCaptureStatus: cudaStreamCaptureStatusActive",
        900,
        True,
    ),
    "generator left over": ("Offset increment outside graph capture encountered unexpectedly.", 901, False),
    "another stream": ("Capture must end on the same stream it began on.", 903, True),
}


@pytest.mark.parametrize(("text", "number", "during_capture"), REFUSALS.values(), ids=REFUSALS)
def test_refusals_of_torch(text: str, number: int, during_capture: bool) -> None:
    found = explained(RuntimeError(text))
    assert (found.number, found.during_capture, found.sticky) == (number, during_capture, False)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("The size of tensor a (3) must match the size of tensor b (4)"),
        ValueError("CUDA error: out of memory"),
        KeyError("cudaErrorIllegalAddress"),
        KeyboardInterrupt(),
    ],
    ids=repr,
)
def test_other_errors_say_nothing_of_the_device(error: BaseException) -> None:
    assert explain(error) is None


def raised(program: Callable[[], None]) -> BaseException:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - any error of any chain
        program()
    return caught.value


def test_the_first_error_counts_and_not_the_one_that_ends_the_capture() -> None:
    def capture() -> None:
        try:
            raise accelerator_error(900)
        finally:
            raise accelerator_error(901)

    assert explained(raised(capture)).number == 900


def test_an_error_inside_a_failed_capture_was_during_capture() -> None:
    def capture() -> None:
        try:
            raise RuntimeError(
                "CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm(handle)`"
            )
        finally:
            raise accelerator_error(901)

    found = explained(raised(capture))
    assert (found.name, found.during_capture) == ("CUBLAS_STATUS_EXECUTION_FAILED", True)


def test_errors_that_are_not_the_devices_are_passed_over() -> None:
    def capture() -> None:
        try:
            {}["missing"]
        except KeyError:
            try:
                raise accelerator_error(710)
            except RuntimeError as error:
                raise ValueError("the step failed") from error

    assert explained(raised(capture)).number == 710


def test_a_suppressed_context_is_no_cause() -> None:
    """`raise first from None` inside a handler puts the later error into the first one's context."""

    def capture() -> None:
        first = accelerator_error(900)
        try:
            raise accelerator_error(901)
        except RuntimeError:
            raise first from None

    error = raised(capture)
    assert error.__context__ is not None
    assert explained(error).number == 900


def test_a_chain_that_bites_its_tail_ends() -> None:
    first, second = accelerator_error(900), accelerator_error(901)
    first.__cause__, second.__cause__ = second, first
    assert explained(second).number == 900
