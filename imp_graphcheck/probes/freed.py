"""Other content in memory that is free: a graph that still reads it answers otherwise, one that still writes it is seen.

Nobody holds that memory, so anybody may get it next. To be somebody, the probe asks the allocator for small blocks until it is
given these; where it is not, the memory is filled as it lies there, and only reads are seen.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch

from imp_graphcheck.capture.session import Answers, Session
from imp_graphcheck.device.place import Place
from imp_graphcheck.probes.arm import run_arm
from imp_graphcheck.probes.dead import Line
from imp_graphcheck.probes.poison import ONES, ZEROS, effective, holding
from imp_graphcheck.record.graph import generations_in
from imp_graphcheck.record.memory import Allocation
from imp_graphcheck.record.probe import ProbeResult
from imp_graphcheck.record.site import Site

_SMALL, _LARGE = 512, (1 << 20) + 512
"""The smallest requests that the allocator serves from its small and from its large segments."""
MOST_BLOCKS = 8192


@dataclass(slots=True, eq=False)
class FreedLine:
    """What one line allocated, graphs point at, and nobody has any more. `views` cover it; `victims` are our own."""

    site: Site
    views: list[torch.Tensor] = field(default_factory=list)
    victims: list[torch.Tensor] = field(default_factory=list)
    size_bytes: int = 0

    def __str__(self) -> str:
        return f"the free memory of {self.site.file}:{self.site.line} ({self.size_bytes} bytes)"


def poison_freed(session: Session, answers: Answers) -> list[ProbeResult]:
    """Zeros first, then ones, in all such lines at once and by halves; `answers` are what the replays answer without."""
    lines = _lines(session)
    results: list[ProbeResult] = []
    for fill in (ZEROS, ONES):
        effective(lines, _has_effect(session, answers, fill, results))
        if session.dead:
            break
        told = {site for result in results if result.outcome != "right" for site in result.sites}
        lines = [line for line in lines if line.site not in told]
    return results


def _has_effect(
    session: Session, answers: Answers, fill: int, results: list[ProbeResult]
) -> Callable[[Sequence[FreedLine]], bool]:
    def has_effect(group: Sequence[FreedLine]) -> bool:
        if session.dead:
            return False
        with holding(session, [view for line in group for view in line.views], fill):
            arm = run_arm(session, answers)
            written = [line for line in group if not session.dead and _is_written(line, fill)]
        where = ", ".join(map(str, group))
        told = f"0x{fill:02X} in {where}; held against the same replays without it"
        # Where nobody could tell whether the replays write there, an answer that stays right rules nothing out.
        seen = tuple(line.site for line in group if line.victims or arm.outcome != "right")
        results.append(arm.result("poison", told, sites=seen))
        results.extend(
            ProbeResult(
                probe="canary",
                intervention=f"0x{fill:02X} in {line}, handed out to somebody else",
                outcome="wrong",
                calls=len(arm.comparisons),
                detail="the replays wrote over it: whoever gets this memory next loses its content",
                sites=(line.site,),
            )
            for line in written
        )
        return arm.outcome != "right"

    return has_effect


def _is_written(line: FreedLine, fill: int) -> bool:
    return any(bool((victim != fill).any()) for victim in line.victims)


def _lines(session: Session) -> list[FreedLine]:
    found: dict[Line, FreedLine] = {}
    for allocation in _freed(session):
        site = allocation.allocation_site
        if site is None or not _is_free(session, allocation):
            continue
        line = found.setdefault((site.file, site.line, site.function), FreedLine(site))
        victims = _handed_out(session, allocation)
        line.victims.extend(victims)
        place = Place(allocation.address, (allocation.size_bytes,), (1,), torch.uint8)
        line.views.extend(victims or [session.device.tensor_at(place)])
        line.size_bytes += allocation.size_bytes
    return list(found.values())


def _freed(session: Session) -> list[Allocation]:
    """What graphs point at from outside their own pool, and is free now. One for each address: the last life."""
    last: dict[int, Allocation] = {}
    for graph in session.recorder.run.graphs:
        memory = session.device.allocations(generations_in((graph,)))
        for allocation in memory.values():
            if allocation.state == "freed" and allocation.space == "device" and allocation.pool != graph.pool:
                last[allocation.address] = allocation
    return list(last.values())


def _is_free(session: Session, allocation: Allocation) -> bool:
    """Whether nobody has any of it now."""
    last = allocation.end - 1
    return not session.device.owners_of({*range(allocation.address, last, 512), last})


def _handed_out(session: Session, allocation: Allocation) -> list[torch.Tensor]:
    """Tensors of ours in this memory, from the stream of whoever had it; empty where the allocator prefers other blocks."""
    size = _SMALL if allocation.size_bytes <= 1 << 20 else _LARGE
    found: list[torch.Tensor] = []
    others: list[torch.Tensor] = []

    def ask() -> None:
        reserved = session.device.reserved_bytes()
        for _ in range(MOST_BLOCKS):
            if sum(block.numel() for block in found) >= allocation.size_bytes:
                return
            block = torch.empty(size, dtype=torch.uint8, device=session.device.torch_device)
            overlaps = allocation.address < block.data_ptr() + size and block.data_ptr() < allocation.end
            (found if overlaps else others).append(block)
            if session.device.reserved_bytes() > reserved:  # all that was free is ours
                return

    ask()
    session.program.runner.on_capture_stream(ask)
    session.device.synchronize()
    return found
