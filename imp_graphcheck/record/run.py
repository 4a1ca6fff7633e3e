"""Everything one run of a command saw. This is the document that `--format json` prints."""

from typing import Literal

import msgspec

from imp_graphcheck.record.finding import Finding
from imp_graphcheck.record.graph import GraphTrace
from imp_graphcheck.record.memory import Allocation
from imp_graphcheck.record.probe import ProbeResult

SCHEMA_VERSION = 2
"""2: nodes have parameters and name their launching line by index; `memory` is new."""

StageStatus = Literal["ok", "failed", "skipped", "died", "interrupted"]
Verdict = Literal["clean", "inspected", "findings", "inconclusive", "failed", "interrupted", "running"]
"""`inspected`: the graphs were looked at, nothing was found, and nothing was replayed."""
Agreement = Literal["identical", "noise", "diverged", "nonfinite"]


class Stage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One step of a command, in the order it ran. `detail` is one line for a reader."""

    name: str
    status: StageStatus
    seconds: float
    detail: str = ""


class Distance(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How far the output of one arm lies from another's on the same call.

    `kld` and `kld_max` are KL(base || test) in nats over the softmax of the last dimension, mean and maximum
    over rows, computed in float64; they and the agreements are None when the output has no logits-like
    dimension or holds no finite row. `nan_count` and `inf_count` count the tested output only. `layouts` says how
    shapes or dtypes differ, where they do; nothing else could be compared then.
    """

    max_abs_delta: float | None
    mean_abs_delta: float | None
    bit_equal: float
    kld: float | None = None
    kld_max: float | None = None
    top1_agreement: float | None = None
    top5_agreement: float | None = None
    nan_count: int = 0
    inf_count: int = 0
    layouts: str | None = None


class CallComparison(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One replayed call against the eager run of the same call.

    `request` and `call` number the workload; `sweep` says which pass over it this replay belongs to.
    `label` describes the call in the program's own words (`q_offset 256, 256 tokens`). `noise_max_abs_delta`
    is eager against eager on this call. `output_written` is false when the replay left the poison in its output,
    None when the output does not belong to the graph and was not poisoned. The other fields are those of `Distance`.
    """

    request: int
    call: int
    sweep: int
    label: str
    key: str
    path: Literal["replay", "eager"]
    agreement: Agreement
    noise_max_abs_delta: float | None
    max_abs_delta: float | None
    mean_abs_delta: float | None
    bit_equal: float
    kld: float | None = None
    kld_max: float | None = None
    top1_agreement: float | None = None
    top5_agreement: float | None = None
    nan_count: int = 0
    inf_count: int = 0
    layouts: str | None = None
    output_written: bool | None = None


class StateComparison(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One persistent tensor after the captured arm against the same tensor after the eager arm."""

    name: str
    sweep: int
    bytes_total: int
    bytes_different: int
    first_difference: int | None = None


class HostTime(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Where the host spent the time of an arm, in seconds, all pairs together: in the program's `prepare`, in
    launching (`forward`), in its `between`, and in the `wait` for the device at the end.
    """

    prepare: float = 0.0
    forward: float = 0.0
    between: float = 0.0
    wait: float = 0.0


class Speed(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Paired timings: element i of both lists was measured back to back, the order alternating."""

    eager_seconds: tuple[float, ...]
    captured_seconds: tuple[float, ...]
    tokens: int | None = None
    ratio_median: float | None = None
    captured_host: HostTime | None = None


class Target(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What was checked."""

    name: str
    kind: Literal["checkpoint", "shape", "factory"]
    device: str
    dtype: str | None = None
    detail: dict[str, str] = {}


class Run(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One run, complete or partial. `verdict` is `running` until the command has reached its end.

    `memory` holds the allocations that the graphs point at, as they were before the first replay.
    """

    schema_version: int = SCHEMA_VERSION
    id: str
    command: tuple[str, ...]
    tool_version: str
    started_at: str
    environment: dict[str, str]
    target: Target
    verdict: Verdict = "running"
    verdict_reason: str = ""
    stages: tuple[Stage, ...] = ()
    calls: tuple[CallComparison, ...] = ()
    state: tuple[StateComparison, ...] = ()
    graphs: tuple[GraphTrace, ...] = ()
    memory: tuple[Allocation, ...] = ()
    replays: int = 0
    fallbacks: dict[str, int] = {}
    speed: Speed | None = None
    findings: tuple[Finding, ...] = ()
    probes: tuple[ProbeResult, ...] = ()
    notes: tuple[str, ...] = ()
