"""When a child failed in a way that is no result."""

from pathlib import Path


class ChildError(Exception):
    """One sentence for the user, and what there is for whoever mends it.

    `report` (a traceback) is saved, in `directory` if there is a run directory; `log_tail`, the last lines that
    the child printed, is shown.
    """

    def __init__(
        self, message: str, *, report: str = "", log_tail: tuple[str, ...] = (), directory: Path | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.report = report
        self.log_tail = log_tail
        self.directory = directory
