"""What reading a C++ or CUDA tree finds, what it costs, and how far it agrees with a list made by hand.

    python benchmarks/source_audit.py DIR --entry NAME [--entry NAME ...] [--expect FILE] [--sample N] [--jobs N]

FILE has rows of `file:line[ api] yes|maybe|no`, paths relative to DIR; `#` begins a comment. `yes` is a site that the
entries certainly get to, `no` one that they do not get to or that does no harm there, `maybe` one behind a switch, an
error or a pointer. *recall* is the share of the `yes` rows that are reported as reached, *precision* the share of the
rows reported as reached, and as more than harmless, that are not `no`. `--sample` adds N sites that are reported as
reached, drawn at random, with their chains, to be judged by hand. Prints one JSON document. *peak_mib* is the peak of the reading
process plus, for each worker, that of the largest worker: never too small.
"""

import argparse
import json
import random
import re
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imp_graphcheck.record.audit import AuditSite
from imp_graphcheck.source.cpp.audit import audit_cpp

_ROW = re.compile(r"(?P<file>.+):(?P<line>\d+)(?: (?P<api>\S+))? (?P<reached>yes|maybe|no)")


@dataclass(frozen=True)
class Row:
    """What somebody who read the source says of one site."""

    file: str
    line: int
    api: str
    reached: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}{' ' + self.api if self.api else ''} {self.reached}"

    def fits(self, site: AuditSite) -> bool:
        return (site.file, site.line) == (self.file, self.line) and self.api in ("", site.api)


def main() -> None:
    options = _options()
    rows = list(_rows(options.expect)) if options.expect is not None else []
    started = time.monotonic()
    found = audit_cpp(options.directory, options.entry, prewarm=options.prewarm, jobs=options.jobs)
    seconds = time.monotonic() - started
    document: dict[str, Any] = {
        "directory": str(options.directory),
        "entries": options.entry,
        "files": found.tree.files,
        "lines": found.tree.lines,
        "functions": found.tree.functions,
        "reached_functions": found.tree.reached_functions,
        "seconds": round(seconds, 1),
        "cpu_seconds": round(_cpu_seconds(), 1),
        "peak_mib": _peak_mib(options.jobs),
        "opaque": len(found.tree.opaque),
        "unknown_calls": len(found.tree.unknown_calls),
        "sites": len(found.sites),
        "reachable": Counter(site.reachable for site in found.sites),
        "fates_of_reached": Counter(site.fate for site in found.sites if site.reachable == "yes"),
    }
    if rows:
        document["expected"] = _held_against(rows, found.sites)
    if options.sample:
        document["sample"] = list(_sample(found.sites, options.sample, options.seed))
    json.dump(document, sys.stdout, indent=2)
    print()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--entry", action="append", required=True)
    parser.add_argument("--prewarm", action="append", default=[])
    parser.add_argument("--expect", type=Path)
    parser.add_argument("--sample", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    return parser.parse_args()


def _rows(path: Path) -> Iterator[Row]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        text = line.split("#")[0].strip()
        if not text:
            continue
        row = _ROW.fullmatch(text)
        if row is None:
            raise SystemExit(f"{path}:{number}: {text!r} is not `file:line[ api] yes|maybe|no`")
        yield Row(row["file"], int(row["line"]), row["api"] or "", row["reached"])


def _held_against(rows: Sequence[Row], sites: Sequence[AuditSite]) -> dict[str, Any]:
    reached, doubtful, alarmed, missed, false_alarms = 0, 0, 0, [], []
    for row in rows:
        here = [site for site in sites if row.fits(site)]
        is_reached = any(site.reachable == "yes" for site in here)
        is_alarm = any(site.reachable == "yes" and site.fate != "harmless" for site in here)
        alarmed += is_alarm
        if row.reached == "yes":
            reached += is_reached
            doubtful += not is_reached and any(site.reachable == "maybe" for site in here)
            if not is_reached:
                missed.append(f"{row}: {_said(here)}")
        elif row.reached == "no" and is_alarm:
            false_alarms.append(f"{row}: {_said(here)}")
    certain = sum(row.reached == "yes" for row in rows)
    return {
        "yes": certain,
        "maybe": sum(row.reached == "maybe" for row in rows),
        "no": sum(row.reached == "no" for row in rows),
        "recall": round(reached / certain, 4) if certain else None,
        "recall_with_maybe": round((reached + doubtful) / certain, 4) if certain else None,
        "precision": round(1 - len(false_alarms) / alarmed, 4) if alarmed else None,
        "missed": missed,
        "false_alarms": false_alarms,
    }


def _said(sites: Sequence[AuditSite]) -> str:
    return "; ".join(_words(site) for site in sites) or "not found"


def _words(site: AuditSite) -> str:
    chain = " > ".join(str(step) for step in site.chain)
    return (
        f"{site.place} {site.api} {site.kind} {site.reachable} {site.fate}"
        f" [{site.guard}] {' | '.join(site.notes)} < {chain}"
    )


def _sample(sites: Sequence[AuditSite], size: int, seed: int) -> Iterator[str]:
    reached = [site for site in sites if site.reachable == "yes" and site.fate != "harmless"]
    for site in random.Random(seed).sample(reached, min(size, len(reached))):
        yield _words(site)


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _peak_mib(jobs: int) -> int:
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    worker = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return (own + jobs * worker) >> 10


if __name__ == "__main__":
    main()
