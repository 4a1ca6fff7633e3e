"""GC101 to GC109, GC202 and GC209: what an error of the device means, in a capture and in a replay."""

from dataclasses import dataclass

from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.site import Site
from imp_graphcheck.rules import RULES

_ILLEGAL_ADDRESS = 700


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An error, without the device it came from. `number` is the runtime's, None when the device said nothing.

    `reads_back`: the operator that raised it would have copied from the device to the host.
    """

    text: str
    name: str | None = None
    number: int | None = None
    graph: str | None = None
    node: int | None = None
    kernel: str | None = None
    argument: str | None = None
    address: int | None = None
    allocation_site: Site | None = None
    free_site: Site | None = None
    launch_site: Site | None = None
    reads_back: bool = False


_BY_TEXT = (
    ("unless the CPU tensor is pinned", "GC105"),
    ("_STATUS_NOT_INITIALIZED", "GC104"),
    ("cusolverDnCreate", "GC104"),
    ("offset for a CUDA generator", "GC108"),
    ("Offset increment outside graph capture", "GC108"),
    ("call: cublasCreate", "GC104"),
)
_BY_NUMBER = {900: "GC101", 904: "GC106", 905: "GC106", 906: "GC106", 907: "GC101"}


def check_capture_failure(failure: Failure, consequences: tuple[str, ...] = ()) -> Finding:
    """The first error of a capture that failed."""
    code = next((code for text, code in _BY_TEXT if text in failure.text), None)
    if code == "GC105" and failure.reads_back:
        code = "GC101"  # torch says the same of both directions
    code = code or _BY_NUMBER.get(failure.number or 0, "GC109")
    first_line = next(iter(failure.text.splitlines()), "")
    where = f" at {failure.launch_site}" if failure.launch_site is not None else ""
    return Finding(
        code=code,
        severity="error",
        confidence="confirmed",
        message=f"the capture of {failure.graph} failed{where}: {first_line} ({RULES[code].title})",
        remedy=RULES[code].remedy,
        graph=failure.graph,
        launch_site=failure.launch_site,
        consequences=consequences,
    )


def check_replay_failure(failure: Failure) -> Finding:
    """A replay that the device did not survive."""
    code = "GC202" if failure.number == _ILLEGAL_ADDRESS and failure.allocation_site is not None else "GC209"
    return Finding(
        code=code,
        severity="error",
        confidence="confirmed",
        message=_dead_pointer(failure) if code == "GC202" else _death(failure),
        remedy=RULES[code].remedy,
        graph=failure.graph,
        node=failure.node,
        kernel=failure.kernel,
        argument=failure.argument,
        allocation_site=failure.allocation_site,
        free_site=failure.free_site,
        launch_site=failure.launch_site,
    )


def _dead_pointer(failure: Failure) -> str:
    address = "" if failure.address is None else f", {failure.address:#x}"
    return (
        f"illegal memory access in the replay: argument {failure.argument} of node {failure.node} {failure.kernel} "
        f"points at memory that is not mapped{address}"
    )


def _death(failure: Failure) -> str:
    first_line = next(iter(failure.text.splitlines()), "")
    number = "" if failure.number is None else f" ({failure.name}, {failure.number})"
    node = "" if failure.node is None else f" in node {failure.node} {failure.kernel}"
    return f"the replay of {failure.graph} died{node}: {first_line}{number}"
