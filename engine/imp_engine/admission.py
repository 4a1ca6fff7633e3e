"""What a request must be like to be served."""

from collections.abc import Iterable

from imp_engine.config import ModelConfig
from imp_engine.engine_config import EngineConfig
from imp_engine.errors import RequestError
from imp_engine.sequence import Sequence


def check_request(
    token_ids: Iterable[int], max_new_tokens: int, model: ModelConfig, limits: EngineConfig
) -> Sequence:
    """A sequence, its pages not yet allocated. Raises `RequestError` if the model or the limits rule it out."""
    tokens = list(token_ids)
    if not tokens:
        raise RequestError("The prompt is empty; allowed is one token or more.")
    for place, token in enumerate(tokens):
        if not 0 <= token < model.vocab_size:
            raise RequestError(
                f"Token {place} of the prompt is {token}; allowed is 0 to {model.vocab_size - 1}.",
                "Was the prompt made with the tokenizer of another model?",
            )
    if max_new_tokens < 0:
        raise RequestError(f"max_new_tokens = {max_new_tokens}; allowed is 0 or more.")
    if len(tokens) + max_new_tokens > limits.max_sequence_length:
        raise RequestError(
            f"The request needs {len(tokens)} + {max_new_tokens} tokens; "
            f"allowed is {limits.max_sequence_length} together.",
            "Shorten the request, or raise max_sequence_length.",
        )
    return Sequence(tokens, num_prompt_tokens=len(tokens), max_new_tokens=max_new_tokens)
