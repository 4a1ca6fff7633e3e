"""The table of `validation_bisect`, for a machine without a card.

PYTHONPATH=.:engine:kernels:reports python benchmarks/bisect_faults.py --page docs/validation/bisect-sim.md
"""

import argparse
import os
import sys
from pathlib import Path

from validation_bisect import bisections
from validation_machine import machine_facts
from validation_page import page


def main() -> int:
    """Write the page; the exit code says whether every mistake was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--page", type=Path, required=True)
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    part = bisections(300, "sim", jobs=max(1, (os.cpu_count() or 2) // 2))
    arguments.page.write_text(page(part, machine_facts()), encoding="utf-8")
    print(part.text)
    return 0 if part.passed else 1


if __name__ == "__main__":
    sys.exit(main())
