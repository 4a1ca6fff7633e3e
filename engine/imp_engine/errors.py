"""What the engine raises when a caller can do something about it.

The message is one sentence: what happened, the offending value, what was allowed. The hint says what to do; Python
prints it below the message of an uncaught error.
"""


class EngineError(Exception):
    """Base of all errors of the engine. `message` and `hint` are for display."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if hint:
            self.add_note(hint)


class CheckpointError(EngineError):
    """A checkpoint directory cannot be used. Raised before anything is allocated on a device."""


class ConfigError(EngineError):
    """A model or engine configuration is contradictory or not supported."""


class RequestError(EngineError):
    """A request cannot be served as it was asked."""


class GraphError(EngineError):
    """A graph runner was asked for something that it cannot do in its present state."""
