"""Child after child: nothing is left of any of them."""

import gc
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from imp_graphcheck.child import Completed, Template, run_child, warm_template
from tests.child.trial import descendants_of

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts what /proc lists")

PROGRAM = """
import os
from imp_graphcheck.child import open_channel
from imp_graphcheck.child.events import Finished
channel, settings = open_channel(dict)
if settings["number"] % 50 == 0:
    os.spawnlp(os.P_NOWAIT, "sleep", "sleep", "600")
    print("x" * 100_000)
channel.send(Finished())
"""


@pytest.fixture
def program(tmp_path: Path) -> str:
    (tmp_path / "program.py").write_text(PROGRAM)
    return str(tmp_path / "program.py")


@pytest.fixture
def template() -> Iterator[Template]:
    with warm_template(["msgspec"], late=["PYTEST_CURRENT_TEST"]) as found:
        yield found


def resident_kib() -> int:
    fields = Path("/proc/self/status").read_text().split("VmRSS:")[1]
    return int(fields.split()[0])


def of_processes() -> set[int]:
    """Everything below this process, the dead that nobody has reaped included."""
    return descendants_of(os.getpid(), dead=True)


def descriptors() -> list[str]:
    return os.listdir("/proc/self/fd")


@pytest.mark.parametrize(("count", "forked"), [(1000, True), (100, False)], ids=["forked", "plain"])
def test_nothing_is_left(program: str, template: Template, count: int, forked: bool) -> None:
    def run(number: int) -> None:
        with tempfile.TemporaryFile() as log:
            ending = run_child(
                [program],
                {"number": number},
                on_event=lambda _: None,
                timeout=60,
                log=log,
                template=template if forked else None,
            )
        assert ending == Completed()

    for number in range(10):
        run(number)
    gc.collect()
    before, processes, memory = len(descriptors()), of_processes(), resident_kib()

    for number in range(count):
        run(number)

    gc.collect()
    assert len(descriptors()) == before
    assert resident_kib() - memory < 16 << 10
    deadline = time.monotonic() + 5
    while (left := of_processes() - processes) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == set()
    assert template.forked == (count + 10 if forked else 0), template.problem
