"""Commands of the validation, run from the repository's root with its packages on the path."""

import os
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
PACKAGES = (".", "engine", "kernels", "reports")


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """A command that ended, or that was ended when its time was up (`returncode` is None)."""

    command: tuple[str, ...]
    returncode: int | None
    seconds: float
    stdout: str
    stderr: str

    @property
    def outcome(self) -> str:
        """The exit code, or that there was none."""
        return f"stopped after {self.seconds:.0f} s" if self.returncode is None else str(self.returncode)

    @property
    def shown(self) -> str:
        """The command as a reader would type it in the repository's root."""
        words = ["python" if word == sys.executable else word for word in self.command]
        words[0] = Path(words[0]).name
        return f"PYTHONPATH={':'.join(PACKAGES)} {shlex.join(words)}"


def run(command: tuple[str, ...], seconds: float) -> Completed:
    """Run `command`; when its time is up, it and everything it started are killed."""
    started = time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": _python_path(), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    returncode: int | None
    try:
        stdout, stderr = process.communicate(timeout=max(seconds, 1))
        returncode = process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        stdout, stderr = process.communicate()
        returncode = None
    return Completed(
        command=command,
        returncode=returncode,
        seconds=time.monotonic() - started,
        stdout=stdout,
        stderr=stderr,
    )


def _python_path() -> str:
    """The repository's packages first, then whatever the caller had."""
    inherited = os.environ.get("PYTHONPATH")
    paths = [str(REPOSITORY / package) for package in PACKAGES]
    return os.pathsep.join([*paths, inherited] if inherited else paths)
