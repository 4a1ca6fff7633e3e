"""What was read and what was seen, site by site: counts beside the source, and what either of them missed."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePath

from msgspec import structs

from imp_graphcheck.apis import find_call
from imp_graphcheck.apis.torch_makes import made_by
from imp_graphcheck.apis.torch_manners import TORCH_ALLOCATOR
from imp_graphcheck.record.audit import FATES, AuditSite, Reach

_FARTHEST_LINES = 12
"""A call of several lines is one line to the source and another to the debug information of a compiler."""
_REACHES: tuple[Reach, ...] = ("yes", "maybe", "no")


def merged(read: Sequence[AuditSite], seen: Sequence[AuditSite], directory: Path) -> tuple[AuditSite, ...]:
    """The sites of both. `read` are relative to `directory`.

    A site that was read and seen keeps what the source says of it, gets the counts, and the worse of the two fates: a
    guard that reading thought harmless did not hold back what was seen. Sites that nobody reached have a count of 0.
    A call of torch that was read stands for the calls of CUDA that were seen in its line.
    """
    by_place: dict[tuple[str, str], list[int]] = defaultdict(list)
    by_line: dict[tuple[str, int], list[int]] = defaultdict(list)
    for number, site in enumerate(read):
        by_place[site.file, _api(site)].append(number)
        by_line[site.file, site.line].append(number)
    sites = [structs.replace(site, count=0, bytes_total=0) for site in read]
    made: dict[int, list[AuditSite]] = defaultdict(list)
    missed: list[AuditSite] = []
    for site in seen:
        file = _relative(site.file, directory)
        nearest = _nearest(sites, by_place.get((file, _api(site)), ()), site.line)
        makers = [number for number in by_line.get((file, site.line), ()) if _makes(read[number], site)]
        if nearest is not None and (sites[nearest].line == site.line or not makers):
            sites[nearest] = _with_counts(sites[nearest], site)
        elif makers:
            for number in makers:
                made[number].append(site)
        else:
            missed.append(_missed(site, file, directory))
    for number, calls in made.items():
        beside = [read[other] for other in by_line[read[number].file, read[number].line] if other != number]
        sites[number] = _made_of(sites[number], calls, beside)
    return (*sites, *missed)


def _makes(read: AuditSite, seen: AuditSite) -> bool:
    return seen.kind in made_by(read.api, read.kind)


def _made_of(read: AuditSite, calls: Sequence[AuditSite], beside: Sequence[AuditSite]) -> AuditSite:
    """A call of torch with the calls that it is made of: it was made as often as the one of them that is its own.

    `beside` are the other sites of its line: which of them made a call that several make cannot be told.
    """
    kinds = made_by(read.api, read.kind)
    own = next(kind for kind in kinds if any(call.kind == kind for call in calls))
    site = read
    # Its own last: of two that are equally bad, that one has the last word.
    for call in sorted(calls, key=lambda call: kinds.index(call.kind), reverse=True):
        site = _with_counts(site, call, is_counted=call.kind == own)
    names = dict.fromkeys(f"{_api(call)} ({call.kind})" for call in calls)
    notes = [*site.notes, f"seen as {', '.join(names)}"]
    others = dict.fromkeys(each.api for each in beside if own in made_by(each.api, each.kind))
    if others:
        notes.append(f"counted together with {', '.join(others)} of the same line")
    is_sized = any(call.bytes_total is not None for call in calls)
    return structs.replace(site, bytes_total=site.bytes_total if is_sized else None, notes=tuple(notes))


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


def _with_counts(read: AuditSite, seen: AuditSite, *, is_counted: bool = True) -> AuditSite:
    phases = dict(read.phases)
    for phase, count in seen.phases.items() if is_counted else ():
        phases[phase] = phases.get(phase, 0) + count
    fate = min(read.fate, seen.fate, key=FATES.index)
    judged = seen if fate == seen.fate else read
    notes = read.notes
    reachable = min(read.reachable, seen.reachable, key=_REACHES.index)
    if reachable != read.reachable and seen.reachable == "yes":
        notes = (*notes, f"reading the source said {read.reachable}: it was seen to run")
    return structs.replace(
        read,
        reachable=reachable,
        fate=fate,
        code=judged.code,
        reason=judged.reason,
        remedy=judged.remedy,
        modes=judged.modes,
        stack=read.stack or seen.stack,
        count=(read.count or 0) + ((seen.count or 0) if is_counted else 0),
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
    if not is_inside:
        note = f"outside of {directory.name}/"
    elif f"called by {TORCH_ALLOCATOR}" in site.notes:
        note = "no source says it: torch's allocator takes memory when it has none left"
    else:
        note = "reading the source did not find it"
    return structs.replace(site, file=file, notes=(*site.notes, note))
