"""The child's side, where it differs from a plain pipe."""

import os
import subprocess
import sys

LONELY = """
import os
from imp_graphcheck.child import Channel
from imp_graphcheck.child.events import Heartbeat
read_end, write_end = os.pipe()
os.close(read_end)
Channel(write_end).send(Heartbeat())
print("still here")
"""


def test_a_parent_that_went_away_ends_the_child_quietly() -> None:
    result = subprocess.run([sys.executable, "-c", LONELY], capture_output=True, text=True, check=False)

    assert (result.returncode, result.stdout, result.stderr) == (130, "", "")


def test_the_pipe_is_not_handed_down_to_grandchildren() -> None:
    from imp_graphcheck.child import Channel

    read_end, write_end = os.pipe()
    try:
        os.set_inheritable(write_end, True)
        Channel(write_end)

        assert not os.get_inheritable(write_end)
    finally:
        os.close(read_end)
        os.close(write_end)
