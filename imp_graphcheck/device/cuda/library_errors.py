"""Errors of the math libraries, which torch raises as plain text with the library's own status in it."""

import re

from imp_graphcheck.device.protocol import DeviceError

_STATUS = re.compile(r"\b(CUBLAS|CUDNN|CUSOLVER|CUSPARSE|CUSPARSELT|CUFFT|CURAND)_STATUS_\w+")

_CUBLAS = {
    "CUBLAS_STATUS_NOT_INITIALIZED": 1,
    "CUBLAS_STATUS_ALLOC_FAILED": 3,
    "CUBLAS_STATUS_INVALID_VALUE": 7,
    "CUBLAS_STATUS_ARCH_MISMATCH": 8,
    "CUBLAS_STATUS_MAPPING_ERROR": 11,
    "CUBLAS_STATUS_EXECUTION_FAILED": 13,
    "CUBLAS_STATUS_INTERNAL_ERROR": 14,
    "CUBLAS_STATUS_NOT_SUPPORTED": 15,
    "CUBLAS_STATUS_LICENSE_ERROR": 16,
}
"""The other libraries renumber from version to version, so only cuBLAS has numbers here."""

_CREATES = re.compile(r"\b\w+Create\w*\(")
"""The call in the message that makes a handle or a plan: what a capture forbids."""


def read_library_error(text: str) -> DeviceError | None:
    """The library error that `text` reports; None for any other text. `number` is 0 where it is not known."""
    found = _STATUS.search(text)
    if found is None:
        return None
    status = found.group()
    created = _creates_something(status, text)
    library = found.group(1)
    if created:
        meaning = (
            f"{library} was first used inside the capture: making its handle allocates and waits, "
            "which a capture forbids; use it once before"
        )
    elif status.endswith("EXECUTION_FAILED"):
        meaning = (
            f"a kernel of {library} could not be launched; the cause is mostly an earlier error of the device"
        )
    else:
        meaning = f"{library} refused a call; inside a capture this is mostly an allocation or a wait that it needed"
    return DeviceError(
        name=status,
        number=_CUBLAS.get(status, 0),
        meaning=meaning,
        sticky=False,
        during_capture=created,
    )


def _creates_something(status: str, text: str) -> bool:
    """Whether the library was just being set up.

    Outside a capture that succeeds whenever there is memory, and running out of that has a status of its own.
    """
    refused = status.endswith(("_NOT_INITIALIZED", "_INTERNAL_ERROR"))
    return refused and (_CREATES.search(text) is not None or status == "CUDNN_STATUS_NOT_INITIALIZED")
