"""Errors of the program that no graph has to do with."""

from collections.abc import Iterator
from contextlib import contextmanager

from imp_graphcheck.capture.recorder import StageError
from imp_graphcheck.capture.session import Session, headline
from imp_graphcheck.device.blame import site_of_error


@contextmanager
def program_errors(session: Session, stage: str) -> Iterator[None]:
    """A program that fails eagerly cannot be checked: say where it failed, and stop."""
    try:
        yield
    except Exception as error:
        site = site_of_error(error)
        session.dead = session.is_dead(error)
        if site is None and not session.dead:
            raise  # no line of the program is involved: the mistake is ours
        raise StageError(
            f"the program fails without graphs, in {stage} at {site or 'an unknown line'}: {type(error).__name__}: {headline(error)}"
        ) from error
