"""What a step reads: the static device buffers, and the host side that fills them.

    Batch (plain lists)  ->  Staging (pinned)  ->  StaticInputs (device)  ->  views under a graph key  ->  forward

Note [static inputs]
    A replay reads the addresses that were captured. So every buffer a step reads is allocated once and filled in
    place. All rows of a view are rewritten by every step, padding and the tail of each block-table row included:
    what an earlier, longer step left behind cannot be read by a later one.

Note [staging reuse]
    The host runs ahead of the device. A pinned buffer may be rewritten only after the copy that reads it has run, so
    each staging set carries the event of its last copy. There are two sets: the host waits for the copy of the step
    before the previous one, which is nearly always done.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from imp_engine.engine_config import EngineConfig
from imp_engine.graph_key import GraphKey
from imp_engine.kv_cache import NULL_BLOCK


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One step on the host, without padding. The fields are those of `StaticInputs`."""

    token_ids: Sequence[int]
    positions: Sequence[int]
    slot_mapping: Sequence[int]
    block_tables: Sequence[Sequence[int]]
    logit_rows: Sequence[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticInputs:
    """Every buffer that a replay reads; see Note [static inputs]. In full size, or cut to a graph key by `view`."""

    token_ids: Tensor
    """[T] int64; 0 in padding rows."""
    positions: Tensor
    """[T] int64, place of the token in its sequence; 0 in padding rows."""
    slot_mapping: Tensor
    """[T] int64, where the row's key and value go in the cache; a slot of the null block in padding rows."""
    block_tables: Tensor
    """[B, capacity / block_size] int32; the null block past the end of a sequence. The T rows of a step are B
    sequences of T / B rows each."""
    logit_rows: Tensor
    """[R] int64, rows of the step that logits are computed for."""

    @classmethod
    def allocate(cls, config: EngineConfig, device: torch.device, *, pinned: bool = False) -> "StaticInputs":
        """Zeroed buffers for the largest step that `config` allows."""
        rows = max(config.max_chunk_rows, config.max_sequences)
        blocks = config.capacity_tiers[-1] // config.block_size

        def zeros(*shape: int, dtype: torch.dtype = torch.int64) -> Tensor:
            return torch.zeros(shape, dtype=dtype, device=device, pin_memory=pinned)

        return cls(
            token_ids=zeros(rows),
            positions=zeros(rows),
            slot_mapping=zeros(rows),
            block_tables=zeros(config.max_sequences, blocks, dtype=torch.int32),
            logit_rows=zeros(rows),
        )

    def view(self, key: GraphKey, block_size: int) -> "StaticInputs":
        """The same memory, as a step under `key` reads it. Launches nothing."""
        return StaticInputs(
            token_ids=self.token_ids[: key.tokens],
            positions=self.positions[: key.tokens],
            slot_mapping=self.slot_mapping[: key.tokens],
            block_tables=self.block_tables[: key.sequences, : key.capacity // block_size],
            logit_rows=self.logit_rows[: key.logit_rows],
        )

    def named_tensors(self) -> dict[str, Tensor]:
        """The buffers by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


class Staging:
    """The host side of the static inputs: two pinned sets, used in turn; see Note [staging reuse]."""

    def __init__(self, config: EngineConfig, device: torch.device) -> None:
        self.block_size = config.block_size
        asynchronous = device.type != "cpu"
        host = torch.device("cpu")
        self._sets = [StaticInputs.allocate(config, host, pinned=asynchronous) for _ in range(2)]
        self._copied = [torch.Event(device) if asynchronous else None for _ in range(2)]
        self._turn = 0

    def fill(self, inputs: StaticInputs, key: GraphKey, batch: Batch) -> None:
        """Write `batch`, padded to the sizes of `key`, into `inputs`, in stream order. Not for inside a capture."""
        turn, self._turn = self._turn, 1 - self._turn
        copied = self._copied[turn]
        if copied is not None:
            copied.synchronize()

        source = self._sets[turn].view(key, self.block_size)
        _pad(source.token_ids, batch.token_ids, padding=0)
        _pad(source.positions, batch.positions, padding=0)
        _pad(source.slot_mapping, batch.slot_mapping, padding=NULL_BLOCK * self.block_size)
        _pad(source.logit_rows, batch.logit_rows, padding=0)
        source.block_tables.fill_(NULL_BLOCK)
        for row, table in enumerate(batch.block_tables):
            # A sequence may own pages past the capacity of this step: they hold nothing yet.
            _pad(source.block_tables[row], table[: source.block_tables.shape[1]], padding=NULL_BLOCK)

        target = inputs.view(key, self.block_size).named_tensors()
        for name, buffer in source.named_tensors().items():
            target[name].copy_(buffer, non_blocking=True)
        if copied is not None:
            copied.record()


def _pad(row: Tensor, values: Sequence[int], *, padding: int) -> None:
    """Write `values` to the front of `row` and `padding` to all the rest."""
    row[: len(values)] = torch.tensor(values, dtype=row.dtype)
    row[len(values) :] = padding
