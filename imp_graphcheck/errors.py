"""The errors that a user can do something about."""


class UsageError(Exception):
    """Bad usage or bad input: one sentence, and a hint. The command ends with exit code 2."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
