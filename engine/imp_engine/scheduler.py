"""Continuous batching: which step comes next.

A request waits until the cache has room for all it may need, so a running request never has to be evicted. While one
request is being prefilled, the others keep decoding: prefill chunks and decode steps take turns.
"""

from collections import deque
from collections.abc import Iterable

from imp_engine.decode import DecodeBatch, plan_decode
from imp_engine.engine_config import EngineConfig
from imp_engine.errors import RequestError
from imp_engine.kv_cache import BlockAllocator
from imp_engine.prefill import PrefillChunk, plan_chunks
from imp_engine.sequence import Sequence


class Scheduler:
    """Hands out steps until every request is done. Pure bookkeeping: it never touches the device.

    Raises `RequestError` at once if a request needs more pages than are free now.
    """

    def __init__(self, config: EngineConfig, allocator: BlockAllocator, requests: Iterable[Sequence]) -> None:
        self.config = config
        self.allocator = allocator
        self.waiting = deque(requests)
        self.running: list[Sequence] = []
        self._chunks: deque[PrefillChunk] = deque()
        self._prefilled_last = False
        for sequence in self.waiting:
            self._refuse_what_never_fits(sequence)

    def next_step(self) -> PrefillChunk | DecodeBatch | None:
        """The next step, or None when all requests are done."""
        if not self._chunks and self.waiting:
            self._admit()
        decode_is_due = bool(self.running) and self._prefilled_last
        if self._chunks and not decode_is_due:
            self._prefilled_last = True
            return self._chunks.popleft()
        self._prefilled_last = False
        return plan_decode(tuple(self.running), self.config) if self.running else None

    def computed(self, step: PrefillChunk | DecodeBatch) -> tuple[Sequence, ...]:
        """Note that `step` has run. Returns the sequences that it computed up to their last token."""
        if isinstance(step, DecodeBatch):
            for sequence in step.sequences:
                sequence.num_computed += 1
            return step.sequences
        step.sequence.num_computed = step.end
        if step.end < len(step.sequence):
            return ()
        self.running.append(step.sequence)
        return (step.sequence,)

    def finish(self, sequence: Sequence) -> None:
        """Take a sequence out of the batch and give its pages back."""
        self.running.remove(sequence)
        self.allocator.free(sequence.block_table)
        sequence.block_table = []

    def _admit(self) -> None:
        """Start the next waiting request, if its place in the batch and its pages are free."""
        needed = self.config.blocks_for(self.waiting[0].max_tokens)
        if len(self.running) < self.config.max_sequences and needed <= self.allocator.num_free:
            sequence = self.waiting.popleft()
            sequence.block_table = self.allocator.allocate(needed)
            self._chunks.extend(plan_chunks(sequence, self.config))

    def _refuse_what_never_fits(self, sequence: Sequence) -> None:
        """A request that can never be admitted must not wait for ever."""
        needed = self.config.blocks_for(sequence.max_tokens)
        if needed > self.allocator.num_free:
            raise RequestError(
                f"The request needs {needed} KV blocks, and {self.allocator.num_free} are free.",
                "Shorten the request, release other sequences, or raise num_blocks.",
            )
