"""Many calls, folded: those that agree are told by the dozen, those that do not one by one."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby

from imp_graphcheck.record.run import Agreement, CallComparison

AGREEING: tuple[Agreement, ...] = ("identical", "noise")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """Calls of one graph key that agree in the same way, and the worst of their numbers."""

    key: str
    path: str
    agreement: Agreement
    calls: int
    requests: int
    max_abs_delta: float | None
    noise_max_abs_delta: float | None
    kld_max: float | None
    top1_agreement: float | None
    top5_agreement: float | None


def agreeing(calls: Iterable[CallComparison]) -> tuple[Fold, ...]:
    """The calls that agree with the eager arm, folded by key, path and kind of agreement, in order of appearance."""

    def group_of(call: CallComparison) -> tuple[str, str, Agreement]:
        return call.key, call.path, call.agreement

    kept = [call for call in calls if call.agreement in AGREEING]
    order = {group: index for index, group in reversed(list(enumerate(map(group_of, kept))))}
    kept.sort(key=lambda call: order[group_of(call)])
    return tuple(_fold(list(group)) for _, group in groupby(kept, key=group_of))


def differing(calls: Iterable[CallComparison]) -> tuple[CallComparison, ...]:
    """The calls whose output is not what the eager arm computed."""
    return tuple(call for call in calls if call.agreement not in AGREEING)


def _fold(calls: list[CallComparison]) -> Fold:
    def worst(pick: Callable[[Iterable[float]], float], name: str) -> float | None:
        values = [value for call in calls if (value := getattr(call, name)) is not None]
        return pick(values) if values else None

    return Fold(
        key=calls[0].key,
        path=calls[0].path,
        agreement=calls[0].agreement,
        calls=len(calls),
        requests=len({call.request for call in calls}),
        max_abs_delta=worst(max, "max_abs_delta"),
        noise_max_abs_delta=worst(max, "noise_max_abs_delta"),
        kld_max=worst(max, "kld_max"),
        top1_agreement=worst(min, "top1_agreement"),
        top5_agreement=worst(min, "top5_agreement"),
    )
