"""The outcome of a selftest on a terminal."""

from rich.console import Console

from imp_graphcheck.record.matrix import Matrix, MatrixRow
from imp_reports.text import print_line, print_table


def print_matrix(matrix: Matrix, console: Console) -> None:
    """The verdict, what went wrong, and one row per pair."""
    failed = [row for row in matrix.rows if not row.passed]
    word, style = ("FAILED", "bold red") if failed else ("PASSED", "bold green")
    count = len(matrix.rows)
    print_line(
        console,
        (word, style),
        "  ",
        f"{count - len(failed)} of {count} pairs on {matrix.device} did what they must",
    )
    for row in failed:
        print_line(console, f"{row.code}  {row.problem}")
    console.print()
    print_table(
        console,
        ("rule", "fault", "fired", "right line", "clean twin", "silent", "seconds"),
        [_cells(row) for row in matrix.rows],
        right=("seconds",),
    )


def _cells(row: MatrixRow) -> tuple[str, ...]:
    right = "-" if row.right_lines is None else _word(row.right_lines)
    return (
        row.code,
        row.fault,
        _word(row.fired) if row.shown or row.fired else "-",
        right,
        row.twin,
        _word(row.twin_silent),
        f"{row.seconds:.1f}",
    )


def _word(yes: bool) -> str:
    return "yes" if yes else "NO"
