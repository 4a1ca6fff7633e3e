"""Text to tokens and back, as `tokenizer.json` says."""

from pathlib import Path

from tokenizers import Tokenizer as HFTokenizer

from imp_engine.errors import CheckpointError


class Tokenizer:
    """The tokenizer of a checkpoint."""

    def __init__(self, path: Path) -> None:
        """Read `tokenizer.json` at `path`. Raises `CheckpointError` if it cannot be used."""
        try:
            self._tokenizer = HFTokenizer.from_str(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise CheckpointError(
                f"There is no {path.name} in {path.parent}.",
                "Copy it from the published checkpoint, or pass token ids.",
            ) from None
        except Exception as error:  # the Rust side raises plain Exception, nothing narrower
            raise CheckpointError(f"{path} is no tokenizer: {error}.") from error

    def encode(self, text: str) -> list[int]:
        """Token ids of `text`, special tokens written out in it recognized."""
        ids: list[int] = self._tokenizer.encode(text).ids
        return ids

    def decode(self, token_ids: list[int]) -> str:
        """The text of `token_ids`, special tokens left out."""
        text: str = self._tokenizer.decode(token_ids)
        return text

    @property
    def vocab_size(self) -> int:
        """Number of tokens, added ones included."""
        size: int = self._tokenizer.get_vocab_size()
        return size
