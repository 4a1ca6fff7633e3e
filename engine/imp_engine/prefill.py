"""Chunked prefill: how a prompt is cut, and what one chunk writes into the static inputs."""

from dataclasses import dataclass

from imp_engine.batch import Batch
from imp_engine.engine_config import EngineConfig
from imp_engine.errors import RequestError
from imp_engine.graph_key import GraphKey, Phase
from imp_engine.sequence import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefillChunk:
    """The tokens `start` to `start + length` of a sequence, to be computed in one step."""

    sequence: Sequence
    start: int
    """q_offset: how many tokens of the sequence are already in the cache."""
    length: int
    key: GraphKey
    closed: str | None = None
    """The condition that keeps this chunk from running as a graph; None if there is none."""

    @property
    def end(self) -> int:
        """Context length after the chunk."""
        return self.start + self.length

    def batch(self, block_size: int) -> Batch:
        """The host side of the step."""
        return Batch(
            token_ids=self.sequence.token_ids[self.start : self.end],
            positions=range(self.start, self.end),
            slot_mapping=self.sequence.slots(self.start, self.length, block_size),
            block_tables=[self.sequence.block_table],
            logit_rows=spread_rows(self.length, self.key.logit_rows),
        )


def plan_chunks(
    sequence: Sequence, config: EngineConfig, chunk_size: int | None = None
) -> list[PrefillChunk]:
    """Cut the tokens of `sequence` that are not yet in the cache into chunks of at most `chunk_size`.

    All chunks use the capacity tier of the whole sequence, so the chunks of one bucket share one graph whatever their
    offset. Raises `RequestError` if `chunk_size` is not between 1 and `config.chunk_size`.
    """
    chunk_size = config.chunk_size if chunk_size is None else chunk_size
    if not 1 <= chunk_size <= config.chunk_size:
        raise RequestError(
            f"The chunk size is {chunk_size}; allowed is 1 to {config.chunk_size}.",
            "Raise chunk_size in the engine configuration for longer chunks.",
        )
    end = len(sequence)
    return [
        _chunk(sequence, start, min(chunk_size, end - start), config)
        for start in range(sequence.num_computed, end, chunk_size)
    ]


def spread_rows(length: int, count: int) -> list[int]:
    """`count` row numbers, ascending, spread over 0..length-1, ending with the last; repeated if there are too few."""
    if count >= length:
        return [min(row, length - 1) for row in range(count)]
    return [(number + 1) * length // count - 1 for number in range(count)]


def _chunk(sequence: Sequence, start: int, length: int, config: EngineConfig) -> PrefillChunk:
    bucket = config.prefill_bucket(length)
    closed = None
    if bucket is None:
        closed = f"a chunk of {length} tokens is above the largest bucket, {config.prefill_buckets[-1]}"
    rows = length if bucket is None else bucket
    key = GraphKey(
        phase=Phase.PREFILL,
        tokens=rows,
        sequences=1,
        capacity=config.capacity(len(sequence)),
        logit_rows=config.logit_row_count(rows),
    )
    return PrefillChunk(sequence=sequence, start=start, length=length, key=key, closed=closed)
