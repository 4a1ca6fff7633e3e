"""Batched decode: one token of each sequence per step."""

from dataclasses import dataclass

from imp_engine.batch import Batch
from imp_engine.engine_config import EngineConfig
from imp_engine.graph_key import GraphKey, Phase
from imp_engine.sequence import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeBatch:
    """The last token of each sequence, to be computed in one step. Row i of the logits belongs to sequence i."""

    sequences: tuple[Sequence, ...]
    key: GraphKey
    closed: str | None = None
    """The condition that keeps this step from running as a graph; None if there is none."""

    def batch(self, block_size: int) -> Batch:
        """The host side of the step."""
        last = [len(sequence) - 1 for sequence in self.sequences]
        return Batch(
            token_ids=[sequence.token_ids[-1] for sequence in self.sequences],
            positions=last,
            slot_mapping=[
                sequence.slots(position, 1, block_size)[0]
                for sequence, position in zip(self.sequences, last, strict=True)
            ],
            block_tables=[sequence.block_table for sequence in self.sequences],
            logit_rows=range(len(self.sequences)),
        )


def plan_decode(sequences: tuple[Sequence, ...], config: EngineConfig) -> DecodeBatch:
    """One step for `sequences`, at most `config.max_sequences`, each computed up to its last token."""
    bucket = config.decode_bucket(len(sequences))
    key = GraphKey(
        phase=Phase.DECODE,
        tokens=bucket,
        sequences=bucket,
        capacity=config.capacity(max(map(len, sequences))),
        logit_rows=bucket,
    )
    return DecodeBatch(sequences=sequences, key=key)
