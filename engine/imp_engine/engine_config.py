"""How much an engine serves at once: lengths, chunk buckets, capacity tiers, cache size."""

from dataclasses import dataclass, fields
from itertools import pairwise

from imp_engine.errors import ConfigError

SMALLEST_BUCKET = 16
SMALLEST_TIER = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """Limits of an engine. All lengths are in tokens. Raises `ConfigError` for values that cannot work.

    Buckets and tiers exist so that few graphs serve all requests: a chunk is padded up to a bucket, a context up to
    a tier. Tiers are coarse (x4), because every further tier is a further capture of every bucket.
    """

    block_size: int = 16
    """Tokens per page of the KV cache."""
    num_blocks: int | None = None
    """Pages of the KV cache, the null block included; None: enough for `max_sequences` of full length."""
    max_sequence_length: int = 4096
    max_sequences: int = 8
    """Sequences that decode together."""
    chunk_size: int = 512
    """Longest prefill chunk."""
    prefill_buckets: tuple[int, ...] = ()
    """Ascending chunk lengths that graphs exist for; empty: powers of two up to `chunk_size`."""
    capacity_tiers: tuple[int, ...] = ()
    """Ascending context capacities; empty: 1024, 4096, 16384, ... up to `max_sequence_length`."""
    logit_rows: int | None = 1
    """Rows of a prefill chunk that get logits, spread evenly, the last one always among them; None: every row."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            numbers = value if isinstance(value, tuple) else (value,)
            if any(number is not None and number < 1 for number in numbers):
                raise ConfigError(f"Engine setting {field.name} = {value}; allowed are positive integers.")
        if any(low >= high for low, high in pairwise(self.prefill_buckets)):
            raise ConfigError(f"Engine setting prefill_buckets = {self.prefill_buckets} is not ascending.")
        if not self.prefill_buckets:
            object.__setattr__(self, "prefill_buckets", _powers(SMALLEST_BUCKET, self.chunk_size, factor=2))
        if not self.capacity_tiers:
            tiers = _powers(SMALLEST_TIER, self.max_capacity, factor=4)
            object.__setattr__(self, "capacity_tiers", tiers)
        self._check_tiers()
        if self.num_blocks is not None and self.num_blocks < 2:
            raise ConfigError(
                f"Engine setting num_blocks = {self.num_blocks}; allowed is at least 2, "
                "since block 0 is reserved for padding."
            )

    def _check_tiers(self) -> None:
        tiers = self.capacity_tiers
        aligned = all(tier % self.block_size == 0 for tier in tiers)
        ascending = all(low < high for low, high in pairwise(tiers))
        if not aligned or not ascending or tiers[-1] < self.max_sequence_length:
            raise ConfigError(
                f"Engine setting capacity_tiers = {tiers}; allowed are ascending multiples of "
                f"block_size = {self.block_size} that end at or above {self.max_sequence_length}."
            )

    @property
    def max_capacity(self) -> int:
        """`max_sequence_length`, rounded up to whole blocks."""
        return self.blocks_for(self.max_sequence_length) * self.block_size

    @property
    def max_chunk_rows(self) -> int:
        """Rows of the largest prefill step, padding included."""
        return max(self.chunk_size, self.prefill_buckets[-1])

    def blocks_for(self, tokens: int) -> int:
        """Pages that hold `tokens` tokens."""
        return -(-tokens // self.block_size)

    def prefill_bucket(self, tokens: int) -> int | None:
        """The smallest bucket that holds a chunk of `tokens`; None if every bucket is smaller."""
        return next((bucket for bucket in self.prefill_buckets if bucket >= tokens), None)

    def decode_bucket(self, sequences: int) -> int:
        """The padded size of a decode batch: the next power of two, at most `max_sequences`."""
        return min(1 << (sequences - 1).bit_length(), self.max_sequences)

    def capacity(self, tokens: int) -> int:
        """The smallest tier that holds a context of `tokens`."""
        return next(tier for tier in self.capacity_tiers if tier >= tokens)

    def logit_row_count(self, rows: int) -> int:
        """Rows with logits in a prefill step of `rows` rows."""
        return rows if self.logit_rows is None else min(self.logit_rows, rows)


def _powers(first: int, last: int, *, factor: int) -> tuple[int, ...]:
    """first, first * factor, ... below `last`, and then `last` itself."""
    powers = []
    while first < last:
        powers.append(first)
        first *= factor
    return (*powers, last)
