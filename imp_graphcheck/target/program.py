"""A program as the stages drive it, whoever wrote it."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch

from imp_engine.graph import Output
from imp_engine.graph_runner import GraphRunner
from imp_graphcheck.device import Device
from imp_graphcheck.record.run import Target as TargetRecord

Fact = int | float | str | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of the workload.

    `label` says in the program's own words what is special about it, `facts` are the same as names and values
    (`q_offset: 256`): what two calls of one key do not share is what the key lacks.
    """

    index: int
    request: int
    key: Hashable
    label: str
    payload: Any
    facts: Mapping[str, Fact] = field(default_factory=dict)
    tokens: int | None = None
    closed: str | None = None
    """Why the program itself will not run this call through a graph; None if it will."""


class Program(Protocol):
    """See `imp_graphcheck.target.protocol.Target` for the meaning of the verbs.

    `independent_requests`: whether requests may run in any order with the same results.
    """

    independent_requests: bool

    def load(self, device: Device, capture_mode: str) -> TargetRecord:
        """Build everything. Raises UsageError when that cannot be done."""
        ...

    @property
    def runner(self) -> GraphRunner: ...

    @property
    def calls(self) -> tuple[Call, ...]: ...

    def prewarm(self) -> str:
        """Initialise what is lazy, before any capture; returns what was done, for the stage table."""
        ...

    def prepare(self, call: Call) -> None: ...

    def forward(self, call: Call) -> Output: ...

    def between(self, call: Call) -> None: ...

    def state(self) -> Mapping[str, torch.Tensor]: ...

    def padding(self, call: Call) -> Mapping[str, torch.Tensor]:
        """Views of static inputs that are padding in this call, by the name of the input."""
        ...

    def roots(self) -> Mapping[str, Any]:
        """Where to look for the tensors that the program keeps, by the name a reader knows them under."""
        ...

    def teardown(self) -> None: ...
