"""A template is a shortcut and never a condition: whatever is wrong with it, the child runs, and is what was asked for."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from imp_graphcheck.capture.settings import CaptureSettings
from imp_graphcheck.child import Completed, Died, Ending, Hung, Template, warm_template
from imp_graphcheck.child import template as template_module
from imp_graphcheck.child.events import Event, Progress
from imp_graphcheck.child.log import tail
from tests.child.trial import WORKER, Trial, alive, gone

LATE = ("LATE", "PYTEST_CURRENT_TEST")


@contextmanager
def ready(imports: Sequence[str] = ()) -> Iterator[Template]:
    with warm_template(imports, late=LATE) as template:
        yield template


@pytest.fixture
def warm() -> Iterator[Template]:
    with ready() as template:
        yield template


def run(folder: Path, behaviour: str, template: Template, **options: float) -> Ending:
    with tempfile.TemporaryFile() as log:
        return Trial(folder, log, template).run(behaviour, **options)  # type: ignore[arg-type]


def printed(folder: Path, template: Template) -> str:
    with tempfile.TemporaryFile() as log:
        assert Trial(folder, log, template).run("says_where_it_is") == Completed()
        return " ".join(tail(log))


def test_children_are_forked_one_after_the_other(warm: Template, tmp_path: Path) -> None:
    assert [run(tmp_path / str(n), "clean", warm) for n in range(3)] == [Completed()] * 3
    assert (warm.forked, warm.problem) == (3, "")


def test_the_imports_are_there_before_the_child_runs(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(
        "import sys\n"
        "assert 'wave' in sys.modules and __name__ == '__main__'\n"
        "from imp_graphcheck.child import open_channel\n"
        "from imp_graphcheck.child.events import Finished\n"
        "channel, settings = open_channel(dict)\n"
        "print(sys.argv, sys.path[0], settings['word'], flush=True)\n"
        "channel.send(Finished())\n"
    )
    from imp_graphcheck.child import run_child

    script = str(tmp_path / "program.py")
    with ready(["wave"]) as template, tempfile.TemporaryFile() as log:
        ending = run_child(
            [script, "a", "b c"],
            {"word": "é"},
            on_event=lambda _: None,
            timeout=60,
            log=log,
            template=template,
        )
        assert ending == Completed()
        assert tail(log) == (f"{[script, 'a', 'b c']} {tmp_path} é",)
        assert template.forked == 1


def test_a_module_is_run_as_python_runs_it(warm: Template) -> None:
    from imp_graphcheck.child import run_child

    with tempfile.TemporaryFile() as log:
        ending = run_child(
            ["-m", "this_module_does_not_exist"],
            {},
            on_event=lambda _: None,
            timeout=60,
            log=log,
            template=warm,
        )
        assert ending == Died(how="exited with status 1", returncode=1)
        assert "No module named" in tail(log)[-1]
    assert warm.forked == 1


def test_late_variables_are_those_of_the_caller(
    warm: Template, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LATE", "now")
    assert printed(tmp_path, warm).startswith(f"{os.getcwd()} now None []")
    monkeypatch.setenv("LATE", "later")
    assert " later " in printed(tmp_path / "2", warm)
    monkeypatch.delenv("LATE")
    assert " None None " in printed(tmp_path / "3", warm)
    assert warm.forked == 3


def test_another_environment_takes_another_interpreter(
    warm: Template, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was imported may have looked at any variable."""
    monkeypatch.setenv("EARLY", "set")
    assert " set " in printed(tmp_path, warm)
    monkeypatch.delenv("EARLY")
    monkeypatch.chdir(tmp_path)
    assert printed(tmp_path / "2", warm).startswith(str(tmp_path))
    assert warm.forked == 0
    assert not warm.problem


def test_an_interpreter_option_takes_another_interpreter(warm: Template) -> None:
    from imp_graphcheck.child import run_child

    with tempfile.TemporaryFile() as log:
        ending = run_child(
            ["-c", "print(6 * 7)"], {}, on_event=lambda _: None, timeout=60, log=log, template=warm
        )
        assert ending == Died(how="exited with status 0", returncode=0)
        assert tail(log) == ("42",)
    assert warm.forked == 0


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("raise RuntimeError('not today')", "not today"),
        ("import this_module_does_not_exist", "No module named"),
        ("import os; os._exit(3)", "Ready was due"),
        (
            "import threading, time; threading.Thread(target=time.sleep, args=(600,), daemon=True).start()",
            "2 threads",
        ),
        (
            "import sys, types; sys.modules['torch'] = t = types.ModuleType('torch');"
            "t.cuda = types.SimpleNamespace(is_initialized=lambda: True)",
            "CUDA was initialised",
        ),
        (
            "import os; from imp_graphcheck.child import forking;"
            "forking._open_files = lambda: ['/dev/null', '/dev/nvidia0']",
            "/dev/nvidia0 was opened",
        ),
    ],
    ids=["raises", "missing", "exits", "thread", "cuda", "device"],
)
def test_imports_that_cannot_be_forked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, problem: str
) -> None:
    (tmp_path / "heavy_import.py").write_text(source)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(tmp_path), os.environ.get("PYTHONPATH", ""))))
    with ready(["heavy_import"]) as template:
        assert run(tmp_path, "clean", template) == Completed()
        assert template.forked == 0
        assert problem in template.problem
        assert template.pid is not None
        assert gone(template.pid)


def test_imports_that_take_too_long_are_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slow_import.py").write_text("import time; time.sleep(600)")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(tmp_path), os.environ.get("PYTHONPATH", ""))))
    with ready(["slow_import"]) as template:
        assert run(tmp_path, "clean", template, timeout=3) == Completed()
        assert (template.forked, "timed out" in template.problem) == (0, True)


def test_a_template_that_died_between_two_children(warm: Template, tmp_path: Path) -> None:
    assert run(tmp_path / "1", "clean", warm) == Completed()
    assert warm.pid is not None
    os.kill(warm.pid, signal.SIGKILL)

    assert run(tmp_path / "2", "clean", warm) == Completed()
    assert run(tmp_path / "3", "clean", warm) == Completed()

    assert warm.forked == 1
    assert warm.problem


def test_a_template_that_stops_answering(
    warm: Template, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(tmp_path / "1", "clean", warm) == Completed()
    assert warm.pid is not None
    os.kill(warm.pid, signal.SIGSTOP)

    assert run(tmp_path / "2", "clean", warm, timeout=2) == Completed()

    assert (warm.forked, "timed out" in warm.problem) == (1, True)
    assert gone(warm.pid)


def test_a_child_that_dies_with_its_template_says_so(warm: Template, tmp_path: Path) -> None:
    pids = []

    def on_event(event: Event) -> None:
        if isinstance(event, Progress):
            (directory,) = tmp_path.glob("runs/run-*")
            pids.append(int(directory.name.removeprefix("run-")))
            assert warm.pid is not None
            os.kill(warm.pid, signal.SIGKILL)

    with tempfile.TemporaryFile() as log:
        ending = Trial(tmp_path, log, warm).run("hang", on_event=on_event)

    assert ending == Died(
        how="was lost with the template that it was forked from", returncode=-signal.SIGKILL
    )
    assert gone(*pids)


def test_a_child_that_had_done_nothing_is_started_again(warm: Template, tmp_path: Path) -> None:
    """It waits before its first event, and the template dies meanwhile."""
    program = tmp_path / "program.py"
    program.write_text(
        "import os, pathlib, time\n"
        "from imp_graphcheck.child import open_channel\n"
        "from imp_graphcheck.child.events import Finished\n"
        "channel, settings = open_channel(dict)\n"
        "parent = pathlib.Path(settings['file'])\n"
        "if not parent.exists():\n"
        "    parent.write_text(str(os.getppid()))\n"
        "    time.sleep(600)\n"
        "channel.send(Finished())\n"
    )
    from imp_graphcheck.child import run_child

    file = tmp_path / "parent"

    def kill_template() -> None:
        while not (file.exists() and file.read_text()):
            time.sleep(0.01)
        os.kill(int(file.read_text()), signal.SIGKILL)

    killer = threading.Thread(target=kill_template)
    killer.start()
    events: list[Event] = []
    with tempfile.TemporaryFile() as log:
        ending = run_child(
            [str(program)], {"file": str(file)}, on_event=events.append, timeout=60, log=log, template=warm
        )
    killer.join()

    assert (ending, len(events), warm.forked) == (Completed(), 1, 1)


def test_ctrl_c_while_the_imports_are_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "slow_import.py").write_text("import time; time.sleep(600)")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(tmp_path), os.environ.get("PYTHONPATH", ""))))
    with ready(["slow_import"]) as template:
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, "clean", template)
        assert template.pid is not None
        assert gone(template.pid)


def test_several_threads_share_a_template(warm: Template, tmp_path: Path) -> None:
    behaviours = ["clean", "segfault", "hang", "leaves_grandchild"] * 4

    def one(number: int) -> Ending:
        return run(tmp_path / str(number), behaviours[number], warm, timeout=3)

    with ThreadPoolExecutor(4) as pool:
        endings = list(pool.map(one, range(len(behaviours))))

    for ending, behaviour in zip(endings, behaviours, strict=True):
        match behaviour:
            case "clean":
                assert ending == Completed()
            case "hang":
                assert isinstance(ending, Hung)
                assert ending.stacks
            case _:
                assert isinstance(ending, Died)
    assert warm.forked == len(behaviours)


def test_the_end_of_the_block_is_the_end_of_the_template(tmp_path: Path) -> None:
    with ready() as template:
        assert run(tmp_path / "1", "clean", template) == Completed()
        assert template.pid is not None
        assert alive(template.pid)
    assert not alive(template.pid)
    assert run(tmp_path / "2", "clean", template) == Completed(), "and of nothing else"


def test_neither_template_nor_child_survives_the_parent(tmp_path: Path) -> None:
    """It is killed with SIGKILL and can clean up nothing."""
    settings = msgspec.to_builtins(CaptureSettings(model="fake:deaf", output=str(tmp_path)))
    program = (
        "import tempfile\n"
        "from imp_graphcheck.child import run_child, warm_template\n"
        "with warm_template([]) as template:\n"
        "    print(template.pid, flush=True)\n"
        f"    run_child([{WORKER!r}], {settings!r}, on_event=lambda e: print(e, flush=True), timeout=60,"
        " log=tempfile.TemporaryFile(), template=template)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        template = int(parent.stdout.readline())
        assert any("Progress" in line for line in parent.stdout)
        (directory,) = (tmp_path / "runs").glob("run-*")
        child = int(directory.name.removeprefix("run-"))
        assert alive(child)
        assert alive(template)
        parent.kill()
    assert gone(child)
    assert gone(template)


@pytest.mark.parametrize("lacking", ["linux", "pidfd_open"])
def test_where_nothing_can_be_forked_children_are_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lacking: str
) -> None:
    if lacking == "linux":
        monkeypatch.setattr(template_module.sys, "platform", "darwin")
    else:
        monkeypatch.delattr(os, "pidfd_open")
    with ready() as template:
        assert template.pid is None
        monkeypatch.undo()
        assert run(tmp_path, "clean", template) == Completed()
    assert template.forked == 0
