"""The call trace of a card: through CUPTI where it is to be had, else by what torch itself can tell."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import Any

import torch

from imp_graphcheck.device.cuda.aten_trace import AtenTrace
from imp_graphcheck.device.cuda.cupti_trace import CuptiTrace, CuptiUnusableError
from imp_graphcheck.device.cuda.host_kind import open_host_kind
from imp_graphcheck.device.cuda.native_caller import NativeCaller, NativeStack
from imp_graphcheck.device.traced_call import CallRecording


@contextmanager
def traced_calls(stream_number: Callable[[], int]) -> Iterator[CallRecording]:
    """See `Device.trace_calls`. What keeps CUPTI from serving is in the notes of the recording."""
    with ExitStack() as stack:
        try:
            recording = stack.enter_context(_through_cupti().active())
        except (ImportError, OSError, CuptiUnusableError) as error:
            recording = stack.enter_context(AtenTrace("cuda", torch.cuda, stream_number).active())
            why = next(iter(str(error).splitlines()), "") or type(error).__name__
            recording.notes = (f"CUPTI was not used: {why}", *recording.notes)
        yield recording


def _through_cupti() -> CuptiTrace:
    """Raises ImportError without cupti-python, OSError without a driver."""
    cupti: Any = import_module("cupti.cupti")
    ask_kind = open_host_kind()
    try:
        native = NativeStack()
    except OSError as error:
        trace = CuptiTrace(cupti, NativeCaller, ask_kind)
        trace.recording.notes = (f"which library makes a call is not known: {error}",)
        return trace
    return CuptiTrace(cupti, native.caller, ask_kind)
