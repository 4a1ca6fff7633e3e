"""Which driver reads the graphs here."""

from importlib import metadata

from imp_graphcheck.device.cuda.bindings import BindingsDriver
from imp_graphcheck.device.cuda.calls import Calls
from imp_graphcheck.device.cuda.graph_driver import GraphDriver
from imp_graphcheck.device.cuda.libcuda import LibcudaDriver
from imp_graphcheck.device.cuda.node_launcher import NodeLauncher
from imp_graphcheck.device.protocol import GraphUnreadableError, StepRefusedError


def open_driver() -> GraphDriver:
    """cuda-bindings where it is installed, else the driver's library. Raises GraphUnreadableError without either."""
    try:
        from cuda.bindings import driver
    except ImportError:
        return _library()
    return BindingsDriver(driver, metadata.version("cuda-bindings"))


def open_launcher() -> NodeLauncher:
    """What launches single nodes. Raises StepRefusedError where cuda-bindings is not installed."""
    try:
        from cuda.bindings import driver
    except ImportError as error:
        raise StepRefusedError(
            "The graph cannot be stepped: cuda-bindings is not installed (install imp-graphcheck[cuda])."
        ) from error
    return NodeLauncher(Calls(driver, f"cuda-bindings {metadata.version('cuda-bindings')}"))


def _library() -> GraphDriver:
    try:
        return LibcudaDriver()
    except OSError as error:
        raise GraphUnreadableError(f"Graphs cannot be read: {error}.") from error
