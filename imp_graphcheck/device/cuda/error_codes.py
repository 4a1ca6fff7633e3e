"""The runtime's errors that a program with graphs can meet, and what each means for a capture or a replay."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """One error. `text` is what the runtime says of it; a `sticky` one ends the context."""

    number: int
    name: str
    text: str
    meaning: str
    sticky: bool = False

    @property
    def during_capture(self) -> bool:
        """Whether only a capture can raise it."""
        return 900 <= self.number <= 908


_CODES = (
    ErrorCode(
        1,
        "cudaErrorInvalidValue",
        "invalid argument",
        "an argument of a call made no sense to the driver, such as an address that belongs to no allocation "
        "or a graph whose nodes cannot be instantiated",
    ),
    ErrorCode(
        2,
        "cudaErrorMemoryAllocation",
        "out of memory",
        "device memory ran out; a capture needs a private pool, whose memory stays taken as long as the graph lives",
    ),
    ErrorCode(
        3,
        "cudaErrorInitializationError",
        "initialization error",
        "CUDA could not start in this process, most often because it was forked after CUDA had been used",
    ),
    ErrorCode(
        9,
        "cudaErrorInvalidConfiguration",
        "invalid configuration argument",
        "a kernel was launched with a grid or block that the card does not allow, an empty one included",
    ),
    ErrorCode(
        46,
        "cudaErrorDevicesUnavailable",
        "CUDA-capable device(s) is/are busy or unavailable",
        "the card did not take this process: another one has it exclusively, or it needs a reset",
    ),
    ErrorCode(
        98,
        "cudaErrorInvalidDeviceFunction",
        "invalid device function",
        "a kernel is not in the loaded code for this card",
    ),
    ErrorCode(
        100,
        "cudaErrorNoDevice",
        "no CUDA-capable device is detected",
        "the driver shows this process no card",
    ),
    ErrorCode(
        209,
        "cudaErrorNoKernelImageForDevice",
        "no kernel image is available for execution on the device",
        "a library was built for other cards than this one",
    ),
    ErrorCode(
        214,
        "cudaErrorECCUncorrectable",
        "uncorrectable ECC error encountered",
        "the card's memory failed; no result of this process can be trusted",
        sticky=True,
    ),
    ErrorCode(
        220,
        "cudaErrorNvlinkUncorrectable",
        "uncorrectable NVLink error detected during the execution",
        "the link to another card failed while work was running",
        sticky=True,
    ),
    ErrorCode(
        400,
        "cudaErrorInvalidResourceHandle",
        "invalid resource handle",
        "a stream, event or graph was used after it had been destroyed, or on a card that it does not belong to",
    ),
    ErrorCode(
        402,
        "cudaErrorLossyQuery",
        "attempted introspection would be semantically lossy",
        "the graph has edges that carry more than an order, and was asked for plain ones",
    ),
    ErrorCode(
        700,
        "cudaErrorIllegalAddress",
        "an illegal memory access was encountered",
        "a kernel touched an address that is not mapped; in a replay this is mostly memory that was given back "
        "after the capture; every later call in this process fails with the same error",
        sticky=True,
    ),
    ErrorCode(
        701,
        "cudaErrorLaunchOutOfResources",
        "too many resources requested for launch",
        "a kernel wants more registers, threads or shared memory than one block can have",
    ),
    ErrorCode(
        702,
        "cudaErrorLaunchTimeout",
        "the launch timed out and was terminated",
        "a kernel ran longer than the system allows and was stopped, which ends the context",
        sticky=True,
    ),
    ErrorCode(
        709,
        "cudaErrorContextIsDestroyed",
        "context is destroyed",
        "the context of this process is gone, and everything captured in it",
        sticky=True,
    ),
    ErrorCode(
        710,
        "cudaErrorAssert",
        "device-side assert triggered",
        "an assertion inside a kernel failed, most often an index out of range; in a replay the index is what the "
        "input buffer holds now, not what it held at the capture",
        sticky=True,
    ),
    ErrorCode(
        714,
        "cudaErrorHardwareStackError",
        "hardware stack error",
        "a kernel ruined or overflowed its call stack",
        sticky=True,
    ),
    ErrorCode(
        715,
        "cudaErrorIllegalInstruction",
        "an illegal instruction was encountered",
        "a kernel ran into code that is none: its code was overwritten or built for another card",
        sticky=True,
    ),
    ErrorCode(
        716,
        "cudaErrorMisalignedAddress",
        "misaligned address",
        "a kernel read or wrote an address that its access width does not divide; in a replay the argument is "
        "often a pointer into memory that was laid out anew",
        sticky=True,
    ),
    ErrorCode(
        717,
        "cudaErrorInvalidAddressSpace",
        "operation not supported on global/shared address space",
        "an instruction met an address of the wrong kind of memory, as when a host or shared address stands where "
        "a device address belongs",
        sticky=True,
    ),
    ErrorCode(
        718,
        "cudaErrorInvalidPc",
        "invalid program counter",
        "a kernel jumped to an address that holds no code, as through a function pointer that is no longer valid",
        sticky=True,
    ),
    ErrorCode(
        719,
        "cudaErrorLaunchFailure",
        "unspecified launch failure",
        "a kernel died of something the hardware does not name, most often a bad access to shared or local memory",
        sticky=True,
    ),
    ErrorCode(
        720,
        "cudaErrorCooperativeLaunchTooLarge",
        "too many blocks in cooperative launch",
        "a kernel whose blocks wait for each other has more blocks than fit on the card at once",
    ),
    ErrorCode(
        721,
        "cudaErrorTensorMemoryLeak",
        "tensor memory not completely freed",
        "a kernel ended without giving back the tensor memory it took",
        sticky=True,
    ),
    ErrorCode(
        800,
        "cudaErrorNotPermitted",
        "operation not permitted",
        "a call is not allowed here, such as a synchronous one while a stream captures, or one that changes a graph "
        "that is in use",
    ),
    ErrorCode(
        801,
        "cudaErrorNotSupported",
        "operation not supported",
        "the card or the driver cannot do this, or cannot do it inside a graph",
    ),
    ErrorCode(
        900,
        "cudaErrorStreamCaptureUnsupported",
        "operation not permitted when stream is capturing",
        "a call that a capture forbids was made while a stream was capturing: a wait for the device, an allocation, "
        "or anything on the default stream",
    ),
    ErrorCode(
        901,
        "cudaErrorStreamCaptureInvalidated",
        "operation failed due to a previous error during capture",
        "an earlier call inside the capture was refused; that earlier error is the cause",
    ),
    ErrorCode(
        902,
        "cudaErrorStreamCaptureMerge",
        "operation would result in a merge of separate capture sequences",
        "two captures were about to become one: a stream of one waited for an event of the other",
    ),
    ErrorCode(
        903,
        "cudaErrorStreamCaptureUnmatched",
        "capture was not ended in the same stream as it began",
        "the capture was ended on another stream than the one it began on",
    ),
    ErrorCode(
        904,
        "cudaErrorStreamCaptureUnjoined",
        "capturing stream has unjoined work",
        "a stream was forked into the capture and never joined back",
    ),
    ErrorCode(
        905,
        "cudaErrorStreamCaptureIsolation",
        "dependency created on uncaptured work in another stream",
        "a captured stream was made to wait for work outside the capture",
    ),
    ErrorCode(
        906,
        "cudaErrorStreamCaptureImplicit",
        "operation would make the legacy stream depend on a capturing blocking stream",
        "work was launched on the default stream, which waits for the capturing one implicitly",
    ),
    ErrorCode(
        907,
        "cudaErrorCapturedEvent",
        "operation not permitted on an event last recorded in a capturing stream",
        "an event that was recorded inside a capture was waited for or queried by the host",
    ),
    ErrorCode(
        908,
        "cudaErrorStreamCaptureWrongThread",
        "attempt to terminate a thread-local capture sequence from another thread",
        "the capture was ended by another thread than the one that began it",
    ),
    ErrorCode(
        910,
        "cudaErrorGraphExecUpdateFailure",
        "the graph update was not performed because it included changes which violated constraints specific to "
        "instantiated graph update",
        "the instantiated graph cannot take over the changes in place; it has to be instantiated again",
    ),
    ErrorCode(
        999,
        "cudaErrorUnknown",
        "unknown error",
        "the driver failed without saying why; its own log (dmesg, an Xid line) may know more",
    ),
)

BY_NUMBER = {code.number: code for code in _CODES}
BY_NAME = {code.name: code for code in _CODES}
BY_TEXT = {code.text: code for code in _CODES}
