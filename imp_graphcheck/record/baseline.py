"""Known sites: what an audit may find without failing. Made once, kept beside the source, and named with `--baseline`.

A site is known by what it is and not by its line, so that an edit above it makes nothing new.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import structs

from imp_graphcheck.errors import UsageError
from imp_graphcheck.record.audit import AuditSite

BASELINE_VERSION = 1


class KnownSite(msgspec.Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True):
    """One site. The fields beside `fingerprint` are for whoever reads the file."""

    fingerprint: str
    file: str
    function: str
    api: str
    fate: str


class Baseline(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The sites that were there when the file was written."""

    graphcheck_baseline: int = BASELINE_VERSION
    sites: tuple[KnownSite, ...] = ()


def baseline_of(sites: Sequence[AuditSite]) -> Baseline:
    """The baseline that knows all of `sites` that something is wrong with."""
    marked = [
        KnownSite(fingerprint=mark, file=site.file, function=site.function, api=site.api, fate=site.fate)
        for site, mark in zip(sites, fingerprints(sites), strict=True)
        if site.severity is not None
    ]
    return Baseline(
        sites=tuple(sorted(marked, key=lambda known: (known.file, known.function, known.fingerprint)))
    )


def compared(
    sites: Sequence[AuditSite], baseline: Baseline
) -> tuple[tuple[AuditSite, ...], tuple[KnownSite, ...]]:
    """The sites, each told whether it is new, and the known ones that are gone."""
    marks = fingerprints(sites)
    known = {each.fingerprint for each in baseline.sites}
    told = tuple(
        structs.replace(site, is_new=mark not in known) for site, mark in zip(sites, marks, strict=True)
    )
    there = {mark for site, mark in zip(sites, marks, strict=True) if site.severity is not None}
    return told, tuple(each for each in baseline.sites if each.fingerprint not in there)


def fingerprints(sites: Sequence[AuditSite]) -> list[str]:
    """One for each site. Those that are alike in all but their lines are numbered in the order of these."""
    lasting = [
        hashlib.sha256(
            json.dumps([site.file, site.function, site.api, site.kind, site.text]).encode()
        ).hexdigest()[:32]
        for site in sites
    ]
    found = [""] * len(sites)
    seen: Counter[str] = Counter()
    for number in sorted(range(len(sites)), key=lambda each: (sites[each].file, sites[each].line)):
        seen[lasting[number]] += 1
        found[number] = f"{lasting[number]}:{seen[lasting[number]]}"
    return found


def save_baseline(baseline: Baseline, path: Path) -> None:
    """Write a file that is meant to be committed: one site to a line. Raises UsageError if it cannot be written."""
    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(baseline), indent=1) + b"\n")
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror or error}.",
            hint="name another file with --write-baseline",
        ) from error


def load_baseline(path: Path) -> Baseline:
    """Read what `save_baseline` wrote. Raises UsageError, in one sentence, for anything else."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Baseline)
    except OSError as error:
        raise UsageError(
            f"no baseline can be read from {path}: {error.strerror or error}.",
            hint="make one with --write-baseline FILE",
        ) from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise UsageError(
            f"{path} is not a baseline of this tool: {error}.", hint="make one with --write-baseline FILE"
        ) from error
    if found.graphcheck_baseline != BASELINE_VERSION:
        raise UsageError(
            f"{path} is a baseline of version {found.graphcheck_baseline}; this version reads {BASELINE_VERSION}.",
            hint="make a new one with --write-baseline FILE",
        )
    return found
