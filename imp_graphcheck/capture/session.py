"""What the stages of one run share: the program, the device, the record, and what was learnt so far."""

from collections.abc import Hashable
from dataclasses import dataclass, field

from msgspec.structs import replace

from imp_graphcheck.capture import state
from imp_graphcheck.capture.outputs import HostOutput
from imp_graphcheck.capture.recorder import Recorder
from imp_graphcheck.capture.settings import CaptureSettings
from imp_graphcheck.capture.state import Snapshot
from imp_graphcheck.checks.failures import Failure
from imp_graphcheck.checks.tables import PointerTable
from imp_graphcheck.device import Device
from imp_graphcheck.device.blame import site_of_error
from imp_graphcheck.device.op_trace import Launch
from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.run import CallComparison, Distance, StateComparison
from imp_graphcheck.record.site import Site
from imp_graphcheck.target import Call, Program
from imp_graphcheck.target.owners import Owner


@dataclass(slots=True)
class Answers:
    """What an eager arm answered: host copies of outputs by call index, and the state it left behind in each order."""

    outputs: dict[int, HostOutput] = field(default_factory=dict)
    state: Snapshot = field(default_factory=dict)
    reversed_state: Snapshot = field(default_factory=dict)


@dataclass(slots=True)
class Session:
    """One run of `capture`.

    `start` is the persistent state that every arm begins with. `reversible`: requests gave the same answers in
    reverse order, so the captured arm may use both orders. `closed`: keys whose capture failed, and how.
    `dead`: the context of the device ended with a sticky error, and this process can only report. `eager_ops`: the
    operators of one eager call per key. `names`: which places of the program held which memory at capture. `tables`:
    the addresses that the graph of a key reads from memory. `borrowed`: what the first eager call of a key used and did
    not allocate, by generation, and `borrowed_names` which places held what then; `given_back`: what is to be said of that which was gone before the captures.
    """

    program: Program
    device: Device
    settings: CaptureSettings
    recorder: Recorder
    start: Snapshot = field(default_factory=dict)
    noise: dict[int, Distance] = field(default_factory=dict)
    slowest_eager_seconds: float = 0.0
    comparisons: list[CallComparison] = field(default_factory=list)
    states: list[StateComparison] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    reversible: bool = False
    closed: dict[Hashable, str] = field(default_factory=dict)
    dead: bool = False
    eager_ops: dict[Hashable, list[Launch]] = field(default_factory=dict)
    names: tuple[Owner, ...] = ()
    tables: dict[Hashable, list[PointerTable]] = field(default_factory=dict)
    borrowed: dict[Hashable, dict[int, tuple[str, Site | None]]] = field(default_factory=dict)
    borrowed_names: tuple[Owner, ...] = ()
    given_back: list[Finding] = field(default_factory=list)

    @property
    def calls(self) -> tuple[Call, ...]:
        return self.program.calls

    @property
    def first_calls(self) -> list[Call]:
        """The first call of every graph key, in the order of the workload."""
        first: dict[Hashable, Call] = {}
        for call in self.calls:
            first.setdefault(call.key, call)
        return list(first.values())

    @property
    def reversed_calls(self) -> list[Call]:
        """The workload with its requests in reverse order, each request's own calls in theirs."""
        requests = sorted({call.request for call in self.calls}, reverse=True)
        return [call for request in requests for call in self.calls if call.request == request]

    def restore(self) -> None:
        """Set the program's persistent state back to the start."""
        state.restore(self.program.state(), self.start)

    def snapshot(self, like: Snapshot | None = None) -> Snapshot:
        """The persistent state as it is now; what holds the same as in `like` is not copied again."""
        return state.snapshot(self.device, self.program.state(), like)

    def compare_state(self, base: Snapshot, *, sweep: int) -> tuple[StateComparison, ...]:
        """The persistent state as it is now, against `base`."""
        return state.compare(self.device, base, self.program.state(), sweep=sweep)

    def find(self, *findings: Finding) -> None:
        """Add findings, each once.

        A later look at the same pointer says nothing new, except that an error of the device there confirms it. A
        death without a readable cause is a consequence of the dead pointers that were suspected before.
        """
        for finding in findings:
            index = self._known(finding)
            if index is None:
                self.findings.append(finding)
            elif (self.findings[index].code, finding.code) == ("GC201", "GC202"):
                # Freed when it was first looked at, and given back to the driver since.
                self.findings[index] = replace(finding, consequences=self.findings[index].consequences)
            elif self.findings[index].launch_site is None and finding.code == self.findings[index].code:
                # The first look came before anybody knew who launched the node.
                self.findings[index] = replace(self.findings[index], launch_site=finding.launch_site)
            elif finding.confidence == "confirmed" and finding.code in ("GC202", "GC209"):
                known = self.findings[index]
                confidence = "confirmed" if finding.code == known.code else known.confidence
                self.findings[index] = replace(
                    known, confidence=confidence, consequences=(*known.consequences, finding.message)
                )

    def _known(self, finding: Finding) -> int | None:
        """Where the findings already speak of what `finding` says."""
        for index, known in enumerate(self.findings):
            if finding.code == "GC209":
                if known.code in ("GC201", "GC202", "GC208"):
                    return index
            elif finding.node is not None and _place(known) == _place(finding):
                return index
        return None

    def save_findings(self) -> None:
        """Put the findings so far on disk."""
        self.recorder.update(findings=tuple(self.findings))

    def failure(self, error: BaseException, graph: object) -> Failure:
        """`error` as a record: what the device says of it, and the line of the program it came from."""
        explained = self.device.explain(error)
        site = site_of_error(error)
        text = str(error) or type(error).__name__
        if explained is None:
            return Failure(text=f"{type(error).__name__}: {text}", graph=str(graph), launch_site=site)
        return Failure(
            text=text,
            name=explained.name,
            number=explained.number,
            graph=str(graph),
            node=explained.graph_node,
            kernel=explained.kernel,
            argument=explained.argument,
            address=explained.address,
            allocation_site=explained.allocation_site,
            free_site=explained.free_site,
            launch_site=explained.launch_site or site,
        )

    def is_dead(self, error: BaseException) -> bool:
        """Whether `error` ended the device's context: nothing can run in this process any more."""
        explained = self.device.explain(error)
        return explained is not None and explained.sticky


def _place(finding: Finding) -> tuple[str, str | None, int | None, str | None]:
    """What a finding speaks of. Freed and unmapped memory are two states of one thing."""
    code = "GC201" if finding.code == "GC202" else finding.code
    return code, finding.graph, finding.node, finding.argument


def entry(call: Call) -> str:
    """The name of a call in the saved tensors."""
    return f"call-{call.index:04d}"


def headline(error: BaseException) -> str:
    """An error in one line."""
    return next(iter(str(error).splitlines()), "") or type(error).__name__
