"""The command line: one thin module per command, and one place that turns exceptions into exit codes.

Nothing that is imported here needs torch or pandas, so that `--help` answers at once.
"""

import signal
import sys
from io import TextIOWrapper
from types import FrameType

from imp_graphcheck.child.failure import ChildError
from imp_graphcheck.cli.app import app
from imp_graphcheck.cli.trouble import report_bug, report_child_error, report_no_room, report_usage_error
from imp_graphcheck.errors import UsageError
from imp_graphcheck.exit_codes import ExitCode
from imp_graphcheck.record.store import NO_ROOM


def main() -> None:
    """Run a command and exit with its status."""
    signal.signal(signal.SIGTERM, _interrupt)
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character must not turn a result into an error.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        _check_encoding(sys.argv[1:])
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
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            report_no_room(error)
        else:
            report_bug(error)
        sys.exit(ExitCode.INTERNAL)


def _check_encoding(arguments: list[str]) -> None:
    """An argument that is no text in this locale can be neither recorded nor passed on."""
    for argument in arguments:
        if any("\udc80" <= character <= "\udcff" for character in argument):
            raise UsageError(
                f"{argument!a} is not valid text in this locale.", hint="set LC_ALL=C.UTF-8, or rename it"
            )


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """A polite request to end is treated like Ctrl-C: children are stopped, and what there is gets saved."""
    raise KeyboardInterrupt
