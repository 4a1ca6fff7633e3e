"""Programs whose graph costs more than it saves, on any device."""

from imp_graphcheck.faults.programs.gain import ROWS
from imp_graphcheck.faults.programs.gain import PaddedFar as _PaddedFar


class Padded(_PaddedFar):
    """Small enough for a test, and still far slower than eager."""

    bucket = 256 * ROWS
