"""The first call that failed in a capture, and the error that hid it."""

from pathlib import Path

from imp_graphcheck.audit.sighting import Sighting
from imp_graphcheck.record.audit import Headline
from imp_graphcheck.record.site import Site


def headline_of(
    error: Exception, failed: Sighting | None, site: Site | None, sightings: tuple[Sighting, ...], mode: str
) -> Headline:
    """`failed` is the first call that failed, if any did, `site` its line or that of the error; `error` is what the capture ended in: its first error, where the
    runner put that in place of the one the program saw.

    Torch refuses some calls without making them: then the call is the one that eager passes make at that line.
    """
    declined = _declined(site, sightings) if failed is None else None
    call = failed or declined
    site = site if call is None else call.site
    return Headline(
        api=type(error).__name__ if call is None else call.api,
        error=failed.error if failed is not None else _line(error),
        file="" if site is None else _short(site.file),
        line=0 if site is None else site.line,
        function="" if site is None else site.function,
        mode=mode,
        hidden_by=_hidden_by(error, failed),
    )


def _declined(site: Site | None, sightings: tuple[Sighting, ...]) -> Sighting | None:
    """The copy from or to pageable memory that eager passes make at `site`."""
    for sighting in sightings:
        here = site is not None and (sighting.site.file, sighting.site.line) == (site.file, site.line)
        if here and sighting.inside and sighting.host == "pageable" and sighting.kind in ("h2d", "d2h"):
            return sighting
    return None


def _hidden_by(error: Exception, failed: Sighting | None) -> str:
    """What the program saw: the runner raises the first error from None, in the handler of the last."""
    seen = error.__context__ if error.__suppress_context__ else None
    if seen is not None:
        return _line(seen)
    number = "" if failed is None else failed.error.partition(" ")[0]
    own = getattr(error, "error_code", None)
    return _line(error) if number and own is not None and str(own) != number else ""


def _line(error: BaseException) -> str:
    text = next(iter(str(error).splitlines()), "")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _short(file: str) -> str:
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file
