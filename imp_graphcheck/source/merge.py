"""What was read and what was seen, site by site: counts beside the source, and what either of them missed."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePath

from msgspec import structs

from imp_graphcheck.apis import find_call
from imp_graphcheck.record.audit import FATES, AuditSite

_FARTHEST_LINES = 12
"""A call of several lines is one line to the source and another to the debug information of a compiler."""


def merged(read: Sequence[AuditSite], seen: Sequence[AuditSite], directory: Path) -> tuple[AuditSite, ...]:
    """The sites of both. `read` are relative to `directory`.

    A site that was read and seen keeps what the source says of it, gets the counts, and the worse of the two fates: a
    guard that reading thought harmless did not hold back what was seen. Sites that nobody reached have a count of 0.
    """
    by_place: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number, site in enumerate(read):
        by_place[site.file, _api(site)].append(number)
    sites = [structs.replace(site, count=0, bytes_total=0) for site in read]
    missed: list[AuditSite] = []
    for site in seen:
        file = _relative(site.file, directory)
        nearest = _nearest(sites, by_place.get((file, _api(site)), ()), site.line)
        if nearest is None:
            missed.append(_missed(site, file, directory))
        else:
            sites[nearest] = _with_counts(sites[nearest], site)
    return (*sites, *missed)


def _api(site: AuditSite) -> str:
    call = find_call(site.api)
    return call.name if call is not None else site.api


def _relative(file: str, directory: Path) -> str:
    """`file` as the source audit names it, where it lies in the directory."""
    path = PurePath(file)
    if not path.is_absolute():
        path = PurePath(Path.cwd() / path)
    try:
        return str(path.relative_to(directory.resolve()))
    except ValueError:
        return file


def _nearest(sites: Sequence[AuditSite], numbers: Sequence[int], line: int) -> int | None:
    near = [number for number in numbers if abs(sites[number].line - line) <= _FARTHEST_LINES]
    return min(near, key=lambda number: abs(sites[number].line - line), default=None)


def _with_counts(read: AuditSite, seen: AuditSite) -> AuditSite:
    phases = dict(read.phases)
    for phase, count in seen.phases.items():
        phases[phase] = phases.get(phase, 0) + count
    fate = min(read.fate, seen.fate, key=FATES.index)
    judged = seen if fate == seen.fate else read
    notes = read.notes
    if read.reachable != "yes":
        notes = (*notes, f"reading the source said {read.reachable}: it was seen to run")
    return structs.replace(
        read,
        reachable="yes",
        fate=fate,
        code=judged.code,
        reason=judged.reason,
        remedy=judged.remedy,
        modes=judged.modes,
        stack=read.stack or seen.stack,
        count=(read.count or 0) + (seen.count or 0),
        bytes_total=(read.bytes_total or 0) + (seen.bytes_total or 0),
        phases=phases,
        host=seen.host or read.host,
        streams=tuple(dict.fromkeys((*read.streams, *seen.streams))),
        threads=tuple(dict.fromkeys((*read.threads, *seen.threads))),
        origins=tuple(dict.fromkeys((*read.origins, *seen.origins))),
        notes=notes,
    )


def _missed(site: AuditSite, file: str, directory: Path) -> AuditSite:
    is_inside = file != site.file or (directory / file).exists()
    note = "reading the source did not find it" if is_inside else f"outside of {directory.name}/"
    return structs.replace(site, file=file, notes=(*site.notes, note))
