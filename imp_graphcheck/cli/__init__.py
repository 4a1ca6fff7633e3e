"""The command line: one thin module per command, and one place that turns exceptions into exit codes.

Nothing that is imported here needs torch or pandas, so that `--help` answers at once.
"""

import signal
import sys
from types import FrameType

from imp_graphcheck.child.failure import ChildError
from imp_graphcheck.cli.app import app
from imp_graphcheck.cli.trouble import report_bug, report_child_error, report_usage_error
from imp_graphcheck.errors import UsageError
from imp_graphcheck.exit_codes import ExitCode


def main() -> None:
    """Run a command and exit with its status."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        app(prog_name="imp-graphcheck")
    except UsageError as error:
        report_usage_error(error)
        sys.exit(ExitCode.USAGE)
    except ChildError as error:
        report_child_error(error)
        sys.exit(ExitCode.INTERNAL)
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
    except Exception as error:  # noqa: BLE001 - the last line of defence, which reports what it caught
        report_bug(error)
        sys.exit(ExitCode.INTERNAL)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """A polite request to end is treated like Ctrl-C: children are stopped, and what there is gets saved."""
    raise KeyboardInterrupt
