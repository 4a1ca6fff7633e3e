"""What the cold child does: the first `forward` of each key, before anything is warm."""

from pathlib import Path

from imp_graphcheck.audit.phases import watched
from imp_graphcheck.audit.seen import COLD_FILE, Seen, save_seen
from imp_graphcheck.audit.watch import Watch
from imp_graphcheck.capture.session import Session, headline
from imp_graphcheck.device.blame import site_of_error
from imp_graphcheck.record.store import UnsavedError


def run_cold(session: Session, directory: Path) -> None:
    """Leave what was seen in `directory`."""
    program, notes = session.program, []
    with session.device.trace_calls() as recording:
        watch = Watch(session.device, recording)
        with session.recorder.stage("cold load"):
            program.load(session.device, session.settings.capture_mode)
        with session.recorder.stage("cold pass", len(session.first_calls)) as stage, watch.phase("cold"):
            try:
                for call in session.first_calls:
                    program.prepare(call)
                    program.runner.on_capture_stream(watched(session, watch, call))
                    session.device.synchronize()
                    stage.step()
            except Exception as error:  # noqa: BLE001 - a program may need its prewarm: what it did until then still counts
                session.dead = session.is_dead(error)
                stage.status, stage.detail = "failed", headline(error)
                at = site_of_error(error)
                notes.append(f"the cold pass ended at {at or 'an unknown line'}: {headline(error)}")
    sightings = tuple(each for each in watch.sightings if each.inside)
    try:
        save_seen(Seen(sightings=sightings, notes=tuple(notes)), directory / COLD_FILE)
    except OSError as error:
        raise UnsavedError(directory, error.strerror or str(error)) from error
