"""A table as CSV that spreadsheets, databases and `cut` read alike: UTF-8, one LF after every row, text quoted where it must be.

Names come from the program under test, and a spreadsheet runs a cell that begins like a formula: such a cell gets an
apostrophe in front, which spreadsheets take for "this is text".
"""

from io import StringIO

from imp_graphcheck.record.run import Run
from imp_reports.tables import Frame, TableName, table

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
GUARD = "'"


class _Rows(StringIO):
    """Takes rows that end with CRLF and keeps them with LF.

    The csv module quotes only those line breaks that its own rows end with, and a bare CR inside a cell would break the
    row for every reader.
    """

    def write(self, row: str, /) -> int:
        return super().write(row.removesuffix("\r\n") + "\n")


def csv_file(run: Run, name: TableName) -> bytes:
    """One table of `run` as a file. What is missing is an empty cell."""
    return csv_of(table(run, name))


def csv_of(frame: Frame) -> bytes:
    """`frame` as a file. Its texts are guarded in place."""
    rows = _Rows()
    for column in frame.columns[frame.dtypes == "string"]:
        frame[column] = frame[column].map(guarded, na_action="ignore").astype("string")
    frame.to_csv(rows, index=False, lineterminator="\r\n")
    return rows.getvalue().encode()


def guarded(text: str) -> str:
    """`text` as a cell that no spreadsheet computes."""
    return GUARD + text if text.startswith(FORMULA_STARTS) else text
