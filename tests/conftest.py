"""Runs the stages in this process, on the software GPU, and hands back the record."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from imp_graphcheck.capture.recorder import Recorder
from imp_graphcheck.capture.session import Session
from imp_graphcheck.capture.settings import CaptureSettings
from imp_graphcheck.capture.stages import Experiments, run_stages
from imp_graphcheck.child.events import Event
from imp_graphcheck.device import Device, open_device
from imp_graphcheck.device.sim import current_gpu
from imp_graphcheck.probes.lockstep_stage import locksteps
from imp_graphcheck.probes.series import run_probes
from imp_graphcheck.record.run import Run
from imp_graphcheck.record.store import load_run
from imp_graphcheck.target import Program, resolve
from imp_graphcheck.target.engine import Workload
from tests.fresh_gpu import fresh_gpu

# A shell that starts a job in the background lets it ignore Ctrl-C, and so would every process that the tests start.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The models here are tiny and the tests run side by side: threads inside torch would only fight over the cores.
torch.set_num_threads(1)

PROGRAMS = Path(__file__).parent / "capture" / "programs.py"


def run_program(
    program: Program, settings: CaptureSettings, events: list[Event], *, lockstep: bool = False
) -> Run:
    """All stages. Lockstep, which takes longer than all of them, only where a test is about it."""
    session = Session(program, open_device("sim"), settings, Recorder(events.append))
    closer = {"after_compare": locksteps} if lockstep else {}
    run_stages(session, Experiments(at_the_end=run_probes, **closer))  # type: ignore[arg-type]
    assert session.recorder.directory is not None
    loaded = load_run(session.recorder.directory)
    assert loaded == session.recorder.run, "what is on disk is what was seen"
    return loaded


@pytest.fixture(autouse=True)
def _no_dead_gpu_left_behind() -> Iterator[None]:
    """A sticky error ends with the test that caused it: whichever test shares its process next has a GPU that works."""
    yield
    if current_gpu().fault is not None:
        fresh_gpu()


@pytest.fixture
def device() -> Device:
    """The software GPU, fresh: an error of an earlier test is not its own."""
    found = open_device("sim")
    fresh_gpu()
    return found


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def check(tmp_path: Path, events: list[Event], device: Device) -> Callable[..., Run]:
    """`check("name")` runs the factory of that name in programs.py; other models by their own word."""

    def run(
        model: str,
        *,
        fault: str | None = None,
        pp: int = 256,
        chunk: int = 64,
        lockstep: bool = False,
        **options: object,
    ) -> Run:
        fresh_gpu()
        spec = f"{PROGRAMS}:{model}" if model.isidentifier() else model
        settings = CaptureSettings(
            model=spec,
            pp=pp,
            chunk=chunk,
            device="sim",
            output=str(tmp_path),
            fault=fault,
            **{"reps": 1, **options},  # type: ignore[arg-type]
        )
        workload = Workload(
            prompt_tokens=pp,
            chunk_tokens=chunk,
            requests=settings.requests,
            decode_tokens=settings.tg,
            seed=settings.seed,
        )
        program = resolve(spec, workload=workload, dtype=settings.dtype, seed=0, fault=fault)
        return run_program(program, settings, events, lockstep=lockstep)

    return run
