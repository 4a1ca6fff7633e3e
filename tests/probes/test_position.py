"""The node under way is on disk, whatever becomes of the process."""

import signal
import subprocess
import sys
from pathlib import Path

from imp_graphcheck.probes.position import FILE_NAME, Position, position_file, read_position

DIES = """
import os, signal, sys
from pathlib import Path
from imp_graphcheck.probes.position import position_file
with position_file(Path(sys.argv[1]), "('prefill', 64)") as position:
    for node in range(1234):
        position.launching(node)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_it_survives_a_kill(tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", DIES, str(tmp_path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert read_position(tmp_path) == Position("('prefill', 64)", 1233)


def test_between_nodes_nobody_is_blamed(tmp_path: Path) -> None:
    with position_file(tmp_path, "graph") as position:
        assert read_position(tmp_path) is None
        position.launching(3)
        assert read_position(tmp_path) == Position("graph", 3)
        position.idle()
        assert read_position(tmp_path) is None
    assert not (tmp_path / FILE_NAME).exists()


def test_half_a_file_is_no_position(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"\x01")
    assert read_position(tmp_path) is None
