"""An audit in words: what every page of it says first."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path, PurePath

from imp_graphcheck.record.audit import FATES, Audit, AuditSite, CallClass, Fate
from imp_graphcheck.record.finding import SEVERITIES
from imp_reports.text import count

FATE_TITLES: dict[Fate, str] = {
    "forbidden": "Forbidden in a capture",
    "rereads host": "Recorded, and host memory is read or written again at each replay",
    "capture only": "Done at capture time only, and at no replay",
    "fixed": "Recorded, the same at each replay",
    "harmless": "Harmless",
}

CLASS_WORDS: dict[CallClass, str] = {
    "h2d": "copy from the host",
    "d2h": "copy to the host",
    "d2d": "copy on the device",
    "sync": "wait",
    "query": "query",
    "alloc": "allocation",
    "free": "free",
    "handle": "set-up of a library",
    "memset": "memset",
    "xstream": "order between streams",
    "callback": "host callback",
}

MODES = ("global", "thread_local", "relaxed")
"""The capture modes, the strictest first."""

UNKNOWN = "<unknown>"
LONG = 120
"""Characters of a name before its middle is left out. Demangled templates go on for thousands."""

_FARTHEST_LINES = 12
"""A call of several lines is one line to a trace and another to whoever reads the source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """The worst of it. `sentence` begins with the call, and is empty where nothing is wrong; `position` is the place of
    its site in the record.
    """

    api: str = ""
    sentence: str = ""
    remedy: str = ""
    hidden_by: str = ""
    position: int | None = None


def shown_sites(audit: Audit) -> tuple[AuditSite, ...]:
    """The sites that the region may get to, worst first."""
    return tuple(
        audit.sites[position] for position in ordered(audit) if audit.sites[position].reachable != "no"
    )


def ordered(audit: Audit) -> list[int]:
    """The places of all sites in the record, worst first."""
    return sorted(range(len(audit.sites)), key=lambda position: _order(audit.sites[position]))


def _order(site: AuditSite) -> tuple[bool, int, bool, int, str, int, str]:
    severity = -1 if site.severity is None else SEVERITIES.index(site.severity)
    return (
        site.reachable == "no",
        FATES.index(site.fate),
        not site.is_new,
        -severity,
        site.file,
        site.line,
        site.api,
    )


def of_fate(sites: Sequence[AuditSite], fate: Fate) -> tuple[AuditSite, ...]:
    """Those of `sites` with this fate."""
    return tuple(site for site in sites if site.fate == fate)


def is_compared(audit: Audit) -> bool:
    """Whether a baseline told new sites from known ones."""
    return bool(audit.baseline) or any(not site.is_new for site in audit.sites)


def title(audit: Audit) -> str:
    """One word for the whole of it."""
    if audit.status != "complete":
        return audit.status
    severities = {site.severity for site in audit.sites if site.is_new}
    if audit.headline is not None or "error" in severities:
        return "findings"
    return "warnings" if "warning" in severities else "clean"


def summary(audit: Audit) -> str:
    """What line one says after the title: how it ended if it did not end well, and how much there is."""
    ended = [audit.status_reason] if audit.status != "complete" and audit.status_reason else []
    return "; ".join([*ended, figures(audit)])


def figures(audit: Audit) -> str:
    """How many sites there are of what a capture minds."""
    wrong = [site for site in audit.sites if site.severity is not None]
    fates = Counter(site.fate for site in wrong if site.is_new)
    words: dict[Fate, str] = {
        "forbidden": "forbidden in a capture",
        "rereads host": "touching host memory at each replay",
        "capture only": "done at capture time only",
    }
    noun = "new site" if is_compared(audit) else "site"
    told = [(fates[fate], word) for fate, word in words.items() if fates[fate]]
    # The noun once: the line that says what failed comes next, and a terminal may be narrow.
    parts = [f"{n} {word}" if at else f"{count(n, noun)} {word}" for at, (n, word) in enumerate(told)]
    known = sum(not site.is_new for site in wrong)
    if known:
        parts += [*([] if parts else ["no new site"]), f"{known} known from the baseline"]
    return ", ".join(parts) or _nothing(audit)


def _nothing(audit: Audit) -> str:
    if audit.status != "complete":
        return "no call that a capture minds was seen before" if audit.sites else "no call was seen"
    if not audit.sites:
        return "no call that matters to a capture was found"
    return "no call in the captured region that a capture minds"


def subject(audit: Audit) -> str:
    """What it was about, in a word or two."""
    if audit.target or audit.source is None:
        return audit.target or "a program"
    return f"{', '.join(audit.source.entries)} in {_folder(audit.source.directory)}"


def _folder(directory: str) -> str:
    return f"{Path(directory).name or '.'}/"


def scope(audit: Audit) -> str:
    """What was looked at."""
    parts = []
    if audit.target:
        where = f" on {audit.device}" if audit.device else ""
        how = f", calls traced by {audit.traced_by}" if audit.traced_by else ""
        parts.append(f"{audit.target}{where}{how}")
    if audit.source is not None:
        tree = audit.source
        parts.append(
            f"{tree.reached_functions} of {count(tree.functions, 'function')} below {', '.join(tree.entries)}, "
            f"{count(tree.files, 'file')} with {tree.lines:,} lines in {_folder(tree.directory)}"
        )
    return "; ".join(parts)


def cause(audit: Audit) -> Cause:
    """The first call that failed; without one, the worst site that is new."""
    head = audit.headline
    if head is not None:
        position = headline_position(audit)
        place = _at(f"{head.file}:{head.line}" if head.line else head.file, head.function)
        mode = f" ({head.mode} mode)" if head.mode else ""
        return Cause(
            api=head.api,
            sentence=f"{head.api}{place} failed the capture{mode}: {head.error}",
            remedy=_headline_remedy(audit, position),
            hidden_by=head.hidden_by,
            position=position,
        )
    for position in ordered(audit):
        site = audit.sites[position]
        if site.severity is not None and site.is_new:
            return Cause(
                api=site.api,
                sentence=f"{site.api}{_at(site.place, site.function)}: {said_of(site)}",
                remedy=site.remedy,
                position=position,
            )
    return Cause()


def _at(place: str, function: str) -> str:
    where = "" if place in ("", UNKNOWN) else f" at {place}"
    return where + (f" in {called(function)}" if function not in ("", UNKNOWN) else "")


def said_of(site: AuditSite) -> str:
    """Why, and under which condition."""
    return "; ".join(filter(None, (site.reason, *conditions(site))))


def conditions(site: AuditSite) -> tuple[str, ...]:
    """What the reason leaves open: whether the region gets there, when, and what else was noticed."""
    perhaps = ("perhaps reached",) if site.reachable == "maybe" else ()
    guard = (f"if {shortened(site.guard, 2 * LONG)}",) if site.guard else ()
    return (*perhaps, *guard, *(_unquoted(note, site.guard) for note in site.notes))


def _unquoted(note: str, guard: str) -> str:
    """`the first call only: !handle; nothing makes it before` without the condition, where the guard has said it."""
    head, colon, tail = note.partition(": ")
    quoted, semicolon, rest = tail.partition("; ")
    return f"{head}; {rest}" if colon and semicolon and quoted in guard else note


def headline_position(audit: Audit) -> int | None:
    """The site of the call that failed first: its line and its call, or one of them and the other nearby."""
    head = audit.headline
    if head is None or not head.file:
        return None
    best: tuple[int, int] | None = None
    found = None
    for position, site in enumerate(audit.sites):
        away = abs(site.line - head.line)
        if away > _FARTHEST_LINES or not _same_file(site.file, head.file) or (away and site.api != head.api):
            continue
        order = (site.api != head.api, away)
        if best is None or order < best:
            best, found = order, position
    return found


def _same_file(first: str, second: str) -> bool:
    """The headline names a file from the working directory, a site perhaps from the directory that was read."""
    one, other = PurePath(first).parts, PurePath(second).parts
    common = min(len(one), len(other))
    return bool(common) and one[-common:] == other[-common:]


def _headline_remedy(audit: Audit, position: int | None) -> str:
    if position is not None and audit.sites[position].remedy:
        return audit.sites[position].remedy
    alike = (site.remedy for site in audit.sites if audit.headline and site.api == audit.headline.api)
    return next(
        filter(None, alike), "make the call before the capture, or move it out of the captured region"
    )


def chain(site: AuditSite) -> str:
    """From the entry to the call."""
    return " > ".join(str(step) for step in site.chain)


def phases(site: AuditSite) -> str:
    """`eager 2, capture 1`."""
    return ", ".join(f"{phase} {number}" for phase, number in site.phases.items())


def modes(site: AuditSite) -> str:
    """`global: 900 ...; thread_local: 900 ...`."""
    return "; ".join(f"{mode}: {error}" for mode, error in site.modes.items())


def refusals(site: AuditSite) -> tuple[tuple[str, str], ...]:
    """Every capture mode, and the error with which it refuses the call; an empty one lets it pass."""
    others = tuple(mode for mode in site.modes if mode not in MODES)
    return tuple((mode, site.modes.get(mode, "")) for mode in (*MODES, *others))


def refusals_in_words(site: AuditSite) -> str:
    """`global and thread_local mode refuse it: 900 ...; relaxed mode allows it`."""
    told = refusals(site)
    parts = []
    for error, group in groupby(told, key=lambda refusal: refusal[1]):
        names = [mode for mode, _ in group]
        many = 1 < len(names) < len(told)
        verb = ("refuse" if many else "refuses") if error else ("allow" if many else "allows")
        modes_ = "every capture" if len(names) == len(told) else " and ".join(names)
        parts.append(f"{modes_} mode {verb} it" + (f": {error}" if error else ""))
    return "; ".join(parts)


def called(function: str) -> str:
    """A function's name as one reads it. Names of C++ may bring their arguments along."""
    name = shortened(function, LONG)
    return name if "(" in name or name in ("", UNKNOWN) else f"{name}()"


def where(site: AuditSite) -> str:
    """`file:line function()`, as far as they are known."""
    return " ".join(filter(None, (site.place, "" if site.function == UNKNOWN else called(site.function))))


def shortened(text: str, longest: int) -> str:
    """`text` without its middle, if it is longer."""
    if len(text) <= longest:
        return text
    head = longest * 2 // 3
    return f"{text[:head]} ... {text[-(longest - head) :]}"
