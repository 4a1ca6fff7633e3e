"""A run as flat tables, for spreadsheets and notebooks.

    table(load_run(path), "pointers").groupby("owner").size()

Columns have declared types, so that an unknown integer stays missing and does not turn its column into floats.
Addresses are hexadecimal text: not every reader has unsigned 64-bit integers.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from msgspec.structs import fields

from imp_graphcheck.record.run import CallComparison, Run, Stage
from imp_graphcheck.record.site import Site
from imp_reports.ownership import memory_of, owner, touches

if TYPE_CHECKING:
    import pandas

TableName = Literal["calls", "stages", "nodes", "pointers", "findings", "memory"]
TABLE_NAMES: tuple[TableName, ...] = get_args(TableName)

Row = dict[str, Any]
Frame: TypeAlias = "pandas.DataFrame"
"""For those who hand tables on without pandas."""

_TYPES = {int: "Int64", float: "Float64", bool: "boolean", str: "string"}


def table(run: Run, name: TableName) -> Frame:
    """One table of `run`."""
    columns, rows = _TABLES[name]
    return frame({column: _TYPES[kind] for column, kind in columns.items()}, rows(run))


def frame(columns: Mapping[str, str], rows: Iterable[Row]) -> Frame:
    """Rows as a frame whose columns have the types that `columns` declares."""
    import pandas

    held = list(rows)
    return pandas.DataFrame(
        {column: pandas.array([row[column] for row in held], dtype=kind) for column, kind in columns.items()}
    )


def _calls(run: Run) -> Iterator[Row]:
    for call in run.calls:
        yield {field.name: getattr(call, field.name) for field in fields(CallComparison)}


def _stages(run: Run) -> Iterator[Row]:
    for stage in run.stages:
        yield {field.name: getattr(stage, field.name) for field in fields(Stage)}


def _nodes(run: Run) -> Iterator[Row]:
    for graph in run.graphs:
        for node in graph.nodes:
            yield {
                "graph": graph.key,
                "node": node.index,
                "kind": node.kind,
                "name": node.name,
                "op": node.op,
                "direction": node.direction,
                "size_bytes": node.size_bytes,
                "grid": _geometry(node.grid),
                "block": _geometry(node.block),
                "shared_bytes": node.shared_bytes,
                "dependencies": " ".join(map(str, node.dependencies)),
                **_place("launch", graph.launch_site(node)),
            }


def _pointers(run: Run) -> Iterator[Row]:
    memory = memory_of(run)
    for graph in run.graphs:
        for touch in touches(graph, memory):
            yield {
                "graph": graph.key,
                "node": touch.node.index,
                "name": touch.node.name,
                "argument": touch.param.name,
                "offset": touch.pointer.offset,
                "address": hex(touch.pointer.address),
                "access": touch.pointer.access,
                "generation": touch.pointer.generation,
                "displacement": touch.pointer.displacement,
                "span_bytes": touch.pointer.span_bytes,
                "confirmed": touch.pointer.confirmed,
                "owner": owner(touch.allocation),
                "standing": touch.standing,
            }


def _findings(run: Run) -> Iterator[Row]:
    for finding in run.findings:
        yield {
            "code": finding.code,
            "severity": finding.severity,
            "confidence": finding.confidence,
            "message": finding.message,
            "remedy": finding.remedy,
            "graph": finding.graph,
            "node": finding.node,
            "kernel": finding.kernel,
            "argument": finding.argument,
            **_place("allocation", finding.allocation_site),
            **_place("free", finding.free_site),
            **_place("launch", finding.launch_site),
            "consequences": "; ".join(finding.consequences),
        }


def _memory(run: Run) -> Iterator[Row]:
    for allocation in run.memory:
        yield {
            "generation": allocation.generation,
            "address": hex(allocation.address),
            "size_bytes": allocation.size_bytes,
            "pool": allocation.pool,
            "space": allocation.space,
            "state": allocation.state,
            "names": "; ".join(allocation.names),
            **_place("allocation", allocation.allocation_site),
            **_place("free", allocation.free_site),
        }


def _place(word: str, site: Site | None) -> Row:
    return {
        f"{word}_file": None if site is None else site.file,
        f"{word}_line": None if site is None else site.line,
        f"{word}_function": None if site is None else site.function,
    }


def _geometry(value: tuple[int, int, int] | None) -> str | None:
    return None if value is None else "x".join(map(str, value))


def _texts(*names: str) -> dict[str, type]:
    return dict.fromkeys(names, str)


def _site_columns(word: str) -> dict[str, type]:
    return {f"{word}_file": str, f"{word}_line": int, f"{word}_function": str}


_CALL_NUMBERS: dict[str, type] = {
    **dict.fromkeys(("request", "call", "sweep", "nan_count", "inf_count"), int),
    **_texts("label", "key", "path", "agreement", "layouts"),
    "output_written": bool,
}

_TABLES: dict[TableName, tuple[dict[str, type], Callable[[Run], Iterator[Row]]]] = {
    "calls": (
        {field.name: _CALL_NUMBERS.get(field.name, float) for field in fields(CallComparison)},
        _calls,
    ),
    "stages": ({"name": str, "status": str, "seconds": float, "detail": str}, _stages),
    "nodes": (
        {
            "graph": str,
            "node": int,
            **_texts("kind", "name", "op", "direction"),
            "size_bytes": int,
            **_texts("grid", "block"),
            "shared_bytes": int,
            "dependencies": str,
            **_site_columns("launch"),
        },
        _nodes,
    ),
    "pointers": (
        {
            "graph": str,
            "node": int,
            **_texts("name", "argument"),
            "offset": int,
            **_texts("address", "access"),
            **dict.fromkeys(("generation", "displacement", "span_bytes"), int),
            "confirmed": bool,
            **_texts("owner", "standing"),
        },
        _pointers,
    ),
    "findings": (
        {
            **_texts("code", "severity", "confidence", "message", "remedy", "graph"),
            "node": int,
            **_texts("kernel", "argument"),
            **_site_columns("allocation"),
            **_site_columns("free"),
            **_site_columns("launch"),
            "consequences": str,
        },
        _findings,
    ),
    "memory": (
        {
            "generation": int,
            "address": str,
            "size_bytes": int,
            **_texts("pool", "space", "state", "names"),
            **_site_columns("allocation"),
            **_site_columns("free"),
        },
        _memory,
    ),
}
