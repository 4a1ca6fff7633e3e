"""One request on its way through the engine."""

from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Sequence:
    """Tokens, and the pages of the KV cache that hold them. Compared by identity."""

    token_ids: list[int]
    """The prompt, then what was generated."""
    num_prompt_tokens: int
    max_new_tokens: int = 0
    block_table: list[int] = field(default_factory=list)
    """Pages of the cache, in order, for `max_tokens` tokens; empty until they are allocated."""
    num_computed: int = 0
    """Tokens whose keys and values are in the cache."""

    def __len__(self) -> int:
        return len(self.token_ids)

    @property
    def generated(self) -> list[int]:
        """The tokens after the prompt."""
        return self.token_ids[self.num_prompt_tokens :]

    @property
    def max_tokens(self) -> int:
        """The longest the sequence may become."""
        return self.num_prompt_tokens + self.max_new_tokens

    def slots(self, start: int, length: int, block_size: int) -> list[int]:
        """Cache slots of the tokens `start` to `start + length`."""
        return [
            self.block_table[position // block_size] * block_size + position % block_size
            for position in range(start, start + length)
        ]
