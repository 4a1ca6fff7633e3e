"""What the captured arm computed against what the eager arm did: outputs and state."""

from rich.console import Console

from imp_graphcheck.record.run import CallComparison, Run
from imp_reports.fold import Fold, agreeing, differing
from imp_reports.text import (
    MAX_ROWS,
    count,
    mebibytes,
    number,
    print_left_out,
    print_line,
    print_table,
    print_title,
    share,
)

WIDE = 110
"""From this width on a differing call fits on one line."""

MAX_NAMES = 6

_METRICS = ("max|d|", "noise", "KLD", "top-1", "top-5", "NaN")


def graph_names(run: Run) -> dict[str, str]:
    """A short name for each graph key, `g1` and so on, in the order of capture: keys can be long."""
    keys = dict.fromkeys(graph.key for graph in run.graphs)
    return {key: f"g{number}" for number, key in enumerate(keys, start=1)}


def print_calls(run: Run, console: Console) -> None:
    """Every call that differs, and the others folded by graph."""
    if not run.calls:
        return
    folds, odd, names = agreeing(run.calls), differing(run.calls), graph_names(run)
    print_title(
        console, f"Captured against eager: {count(len(run.calls), 'compared call')}, {len(odd)} differing"
    )
    if odd:
        if console.width >= WIDE:
            _print_call_table(odd[:MAX_ROWS], names, console)
        else:
            _print_call_lines(odd[:MAX_ROWS], names, console)
        print_left_out(len(odd), "differing call", console)
    if folds:
        if odd:
            console.print()
        _print_folds(folds, names, console)


def _print_call_table(calls: tuple[CallComparison, ...], names: dict[str, str], console: Console) -> None:
    header = ("req", "call", "pass", "what", "graph", "path", "agreement", *_METRICS)
    rows = [
        (
            str(call.request),
            str(call.call),
            str(call.sweep),
            call.label,
            names.get(call.key, call.key),
            call.path,
            *_measured(call),
        )
        for call in calls
    ]
    print_table(console, header, rows, right=("req", "call", "pass", *_METRICS))


def _print_call_lines(calls: tuple[CallComparison, ...], names: dict[str, str], console: Console) -> None:
    for call in calls:
        agreement, *metrics = _measured(call)
        print_line(
            console,
            f"request {call.request} call {call.call} pass {call.sweep}  {call.label}  ",
            (agreement, "red"),
        )
        print_line(console, f"  graph {names.get(call.key, call.key)} ({call.path})")
        told = (f"{name} {value}" for name, value in zip(_METRICS, metrics, strict=True))
        print_line(console, "  ", ", ".join(told))


def _measured(call: CallComparison) -> tuple[str, ...]:
    return (
        _agreement(call),
        number(call.max_abs_delta),
        number(call.noise_max_abs_delta),
        number(call.kld),
        share(call.top1_agreement),
        share(call.top5_agreement),
        str(call.nan_count),
    )


def _agreement(call: CallComparison) -> str:
    if call.output_written is False:
        return "not written"
    return call.agreement if call.layouts is None else "other layout"


def _print_folds(folds: tuple[Fold, ...], names: dict[str, str], console: Console) -> None:
    header: tuple[str, ...] = ("graph", "path", "calls", "requests", "agreement")
    rows: list[tuple[str, ...]] = [
        (
            names.get(fold.key, fold.key),
            fold.path,
            str(fold.calls),
            str(fold.requests),
            fold.agreement,
            number(fold.max_abs_delta),
            number(fold.noise_max_abs_delta),
            number(fold.kld_max),
            share(fold.top1_agreement),
            share(fold.top5_agreement),
        )
        for fold in folds[:MAX_ROWS]
    ]
    if all(fold.agreement == "identical" for fold in folds):
        # Their numbers would all be zero, and their shares 100%.
        rows = [row[: len(header)] for row in rows]
    else:
        header = (*header, *_METRICS[:-1])
    print_table(console, header, rows, right=("calls", "requests", *_METRICS))
    print_left_out(len(folds), "row", console)


def print_state(run: Run, console: Console) -> None:
    """The persistent tensors that differ, or one line that says that none does."""
    if not run.state:
        return
    changed = [state for state in run.state if state.bytes_different]
    print_title(
        console, f"State after each pass: {count(len(run.state), 'comparison')}, {len(changed)} differing"
    )
    if not changed:
        names = list(dict.fromkeys(state.name for state in run.state))
        tensors = ", ".join(names) if len(names) <= MAX_NAMES else count(len(names), "tensor")
        total = sum(state.bytes_total for state in run.state)
        print_line(console, f"{tensors}: all {mebibytes(total)} MiB equal byte for byte")
        return
    rows = [
        (
            state.name,
            str(state.sweep),
            f"{state.bytes_different} of {state.bytes_total}",
            "-" if state.first_difference is None else str(state.first_difference),
        )
        for state in changed
    ]
    print_table(
        console,
        ("tensor", "pass", "bytes different", "first at"),
        rows[:MAX_ROWS],
        right=("pass", "first at"),
    )
    print_left_out(len(changed), "tensor", console)
