"""Result codes of CUDA that matter to a capture. The runtime and the driver number them alike."""

NOT_READY = 600
"""What a query answers while work is going on: not a failure."""

CONSEQUENCE = 901
"""The capture had been invalidated before: not the call that did it."""

_NAMES = {
    1: "cudaErrorInvalidValue",
    2: "cudaErrorMemoryAllocation",
    3: "cudaErrorInitializationError",
    100: "cudaErrorNoDevice",
    201: "cudaErrorDeviceUninitialized",
    400: "cudaErrorInvalidResourceHandle",
    401: "cudaErrorIllegalState",
    600: "cudaErrorNotReady",
    700: "cudaErrorIllegalAddress",
    719: "cudaErrorLaunchFailure",
    801: "cudaErrorNotSupported",
    900: "cudaErrorStreamCaptureUnsupported",
    901: "cudaErrorStreamCaptureInvalidated",
    902: "cudaErrorStreamCaptureMerge",
    903: "cudaErrorStreamCaptureUnmatched",
    904: "cudaErrorStreamCaptureUnjoined",
    905: "cudaErrorStreamCaptureIsolation",
    906: "cudaErrorStreamCaptureImplicit",
    907: "cudaErrorCapturedEvent",
    908: "cudaErrorStreamCaptureWrongThread",
}


def describe_result(result: int) -> str:
    """ "900 cudaErrorStreamCaptureUnsupported"."""
    return f"{result} {_NAMES[result]}" if result in _NAMES else f"error {result}"


def has_failed(result: int) -> bool:
    return result not in (0, NOT_READY)


def is_refusal(result: int) -> bool:
    """Whether a capture is the reason: the call itself was refused because of one."""
    return 900 <= result <= 908 and result != CONSEQUENCE
