"""The engine stands alone: it imports neither the tool that checks it nor the reference it is checked against."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys
sys.path[:0] = ["engine", "kernels"]
import imp_engine, pkgutil, importlib
modules = [m.name for m in pkgutil.walk_packages(imp_engine.__path__, "imp_engine.")]
for name in modules:
    importlib.import_module(name)
assert len(modules) > 20, modules
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_importing_all_of_the_engine_imports_no_stranger() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    imported = set(done.stdout.split())
    assert {"imp_engine", "imp_kernels", "torch"} <= imported
    assert not imported & {"imp_graphcheck", "imp_reports", "transformers", "pandas", "kernels", "engine"}
