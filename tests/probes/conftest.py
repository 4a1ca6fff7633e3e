"""Sessions that have come as far as their captures: what an intervention starts from."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from imp_graphcheck.capture.captured_stages import capture
from imp_graphcheck.capture.eager_stages import eager, load, noise_floor, prewarm, warm_up
from imp_graphcheck.capture.recorder import Recorder
from imp_graphcheck.capture.session import Answers, Session
from imp_graphcheck.capture.settings import CaptureSettings
from imp_graphcheck.device import Device
from imp_graphcheck.probes.dead import read_captured
from imp_graphcheck.target import Call, resolve
from imp_graphcheck.target.engine import Workload
from tests.fresh_gpu import fresh_gpu


@dataclass
class Ready:
    """A session whose graphs are captured and read, and have never been replayed."""

    session: Session
    answers: Answers

    def prepared_calls(self) -> list[Call]:
        """The workload from its start, each call prepared when it is its turn."""
        self.session.restore()
        return list(self.session.calls)


@pytest.fixture
def ready(tmp_path: Path, device: Device) -> Callable[..., Ready]:
    """`ready("module:factory")` or `ready("qwen3-tiny", fault="...")`."""

    def made(model: str, *, fault: str | None = None, pp: int = 256, chunk: int = 64) -> Ready:
        fresh_gpu()
        settings = CaptureSettings(
            model=model, pp=pp, chunk=chunk, device="sim", output=str(tmp_path), fault=fault
        )
        workload = Workload(
            prompt_tokens=pp,
            chunk_tokens=chunk,
            requests=settings.requests,
            decode_tokens=settings.tg,
            seed=settings.seed,
        )
        program = resolve(model, workload=workload, dtype=settings.dtype, seed=0, fault=fault)
        session = Session(program, device, settings, Recorder(lambda event: None))
        load(session)
        prewarm(session)
        warm_up(session)
        answers = eager(session)
        noise_floor(session, answers)
        capture(session)
        read_captured(session)
        return Ready(session, answers)

    return made
