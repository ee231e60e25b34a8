"""Parquet: columns by name, a subset of the schema's, of types that hold the schema's values without guessing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as pt

from limbeck.engine.sql import literal, quoted
from limbeck.errors import InvalidFile, nearest
from limbeck.ingest.columns import any_of, each, each_value, member, pack, some, sql_type
from limbeck.ingest.formats import Reading, StagedFile, mapped, path_list
from limbeck.ingest.rules import Identifier
from limbeck.xdm.arrow import arrow_type
from limbeck.xdm.types import INTEGER_BOUNDS, Array, Map, Object, Scalar, Type

Columns = Mapping[str, pa.DataType]
"""Names and types of a file's columns, or of a structure's fields."""


def readings(files: Sequence[StagedFile], schema: Object, mapping: mapped.Columns | None = None) -> list[Reading]:
    """Return how to read *files*, neighbours with the same columns together.

    Raise `InvalidFile` for what is no Parquet file, and for columns that the schema does not have or whose type
    cannot hold its values (profile contract, section 1.3).
    """
    columns = [(_fitting(file, schema, mapping), file) for file in files]
    groups = [(found, [file for _, file in alike]) for found, alike in groupby(columns, lambda pair: pair[0])]
    return [_reading(group, found, schema, mapping) for found, group in groups]


def sources(files: Sequence[StagedFile]) -> list[mapped.Source]:
    """Return the rows of *files* for a mapping that calculates; raise `InvalidFile` for what is no Parquet file."""
    columns = [(_named(file), file) for file in files]
    groups = [(found, [file for _, file in alike]) for found, alike in groupby(columns, lambda pair: pair[0])]
    return [
        mapped.Source(group, f"SELECT * FROM {_rows(group)}", _Cells(found), found.names) for found, group in groups
    ]


def _fitting(file: StagedFile, schema: Object, mapping: mapped.Columns | None) -> pa.Schema:
    found = _named(file)
    if mapping is not None:
        mapped.require(file, found.names, mapping)
    _check(file, _shape(found, mapping), schema, rows_tell=mapping is not None)
    return found


def _named(file: StagedFile) -> pa.Schema:
    found = _footer(file)
    _check_names(file, found)
    return found


def _rows(files: Sequence[StagedFile]) -> str:
    return f"read_parquet({path_list(files)}, hive_partitioning = false)"


def _footer(file: StagedFile) -> pa.Schema:
    try:
        return pq.read_schema(file.path).remove_metadata()
    except (pa.ArrowException, OSError) as error:
        raise InvalidFile(f'file "{file.name}" is not a Parquet file: {error}') from error


def _columns(fields: pa.Schema | pa.StructType) -> dict[str, pa.DataType]:
    return {f.name: f.type for f in fields}


def _shape(found: pa.Schema, mapping: mapped.Columns | None) -> pa.Schema:
    """Return the columns of a file, once they are where a mapping leads them."""
    if mapping is None:
        return found

    def inside(branch: mapped.Branch) -> list[pa.Field]:
        return [
            pa.field(n, found.field(b).type if isinstance(b, str) else pa.struct(inside(b))) for n, b in branch.items()
        ]

    return pa.schema(inside(mapped.tree(mapping)))


def _moved(branch: mapped.Branch) -> str:
    """Return the SQL of a structure made of columns; without values it is NULL."""
    inner = [(name, quoted(b) if isinstance(b, str) else _moved(b)) for name, b in branch.items()]
    filled = any_of(f"{quoted(column)} IS NOT NULL" for column in mapped.leaves(branch))
    return f"CASE WHEN {filled} THEN {pack(inner)} END"


def _reading(files: Sequence[StagedFile], found: pa.Schema, schema: Object, mapping: mapped.Columns | None) -> Reading:
    columns = _columns(_shape(found, mapping))
    raw = pack((name, quoted(name)) for name in columns)
    taken = [(f, columns.get(f.name)) for f in schema.fields]
    good = pack((f.name, value(quoted(f.name), kind, f.type)) for f, kind in taken)
    lost = any_of(wrong(quoted(f.name), kind, f.type) for f, kind in taken if kind for wrong in (_lost, _repeats))
    source = _rows(files)
    if mapping is not None:
        taken_from = mapped.tree(mapping).items()
        moved = ", ".join(f"{quoted(b) if isinstance(b, str) else _moved(b)} AS {quoted(n)}" for n, b in taken_from)
        source = f"(SELECT {moved} FROM {source})"
    sql = f"SELECT to_json({raw}) AS raw, {good} AS good, {lost} AS lost FROM {source}"
    exact = list(columns.items()) == [(f.name, arrow_type(f.type)) for f in schema.fields]
    return Reading(files, sql, exact=exact and mapping is None)


class _Cells:
    """The cells of a row, whose moments are written as those of JSON are."""

    def __init__(self, found: pa.Schema) -> None:
        self._found = found

    def text(self, path: mapped.Path) -> str:
        sql, kind = self._cell(path)
        if pt.is_nested(kind):
            return f"CAST(to_json({sql}) AS VARCHAR)"
        return _iso(sql, kind) if pt.is_timestamp(kind) else f"CAST({sql} AS VARCHAR)"

    def json(self, path: mapped.Path) -> str:
        sql, kind = self._cell(path)
        if pt.is_timestamp(kind):
            return f"to_json({_iso(sql, kind)})"
        if pt.is_floating(kind):
            return f"CASE WHEN isfinite({sql}) THEN to_json({sql}) ELSE to_json(CAST({sql} AS VARCHAR)) END"
        return f"to_json({sql})"

    def _cell(self, path: mapped.Path) -> tuple[str, pa.DataType]:
        """Return the SQL and the type of a cell, or of something inside; of what cannot be there it is NULL."""
        name = mapped.whole(path)
        start, steps = (name, ()) if name in self._found.names else (path[0], path[1:])
        if start not in self._found.names:
            return "NULL", pa.null()
        sql, kind = quoted(str(start)), self._found.field(start).type
        for step in steps:
            if isinstance(step, str) and pt.is_struct(kind) and kind.get_field_index(step) >= 0:
                sql, kind = member(sql, step), kind.field(step).type
            elif isinstance(step, str) and pt.is_map(kind):
                sql, kind = f"({sql})[{literal(step)}]", kind.item_type
            elif isinstance(step, int) and (pt.is_list(kind) or pt.is_large_list(kind)):
                sql, kind = f"({sql})[{step + 1}]", kind.value_type
            else:
                return "NULL", pa.null()
        return sql, _plain(kind)


def _iso(moment: str, kind: pa.DataType) -> str:
    utc = f"timezone('UTC', {moment})" if kind.tz else moment
    return f"strftime(CAST({utc} AS TIMESTAMP), '%Y-%m-%dT%H:%M:%S.%gZ')"


# -- types -----------------------------------------------------------------------------------------------------


def _check_names(file: StagedFile, found: pa.Schema) -> None:
    twice = next((n for n in found.names if found.names.count(n) > 1), None)
    if twice is not None:
        raise InvalidFile(f'file "{file.name}" has two columns "{twice}"; rename one')


def _check(file: StagedFile, found: pa.Schema, schema: Object, rows_tell: bool) -> None:
    """Raise `InvalidFile` for a column that does not fit; *rows_tell*: not for numbers that should be identities."""
    problems = [
        {"file": file.name, "row": None, "path": path, "found": held, "wanted": wanted}
        for path, held, wanted in _problems(_columns(found), schema, "")
        if not (rows_tell and _is_number_for_identity(found, path, schema))
    ]
    if problems:
        first = problems[0]
        raise InvalidFile(
            f'column "{first["path"]}" of file "{file.name}" holds {first["found"]}; wanted: {first["wanted"]}',
            samples=problems[:100],
        )


def _problems(found: Columns, wanted: Object, below: str) -> Iterator[tuple[str, str, str]]:
    """Yield (path, type found, what is wanted) for each column that does not fit."""
    for name, kind in found.items():
        known = wanted.get(name)
        if known is None:
            hint = nearest(name, [f.name for f in wanted.fields])
            yield f"{below}{name}", str(kind), f"a field of the schema; {hint}".rstrip("; ")
        else:
            yield from _misfits(kind, known.type, f"{below}{name}")


def _misfits(kind: pa.DataType, t: Type, path: str) -> Iterator[tuple[str, str, str]]:
    if pt.is_null(kind):
        return
    match t:
        case Object() if pt.is_struct(kind):
            yield from _problems(_columns(kind), t, f"{path}.")
        case Array(items) if pt.is_list(kind) or pt.is_large_list(kind) or pt.is_fixed_size_list(kind):
            yield from _misfits(kind.value_type, items, f"{path}[]")
        case Map(values) if pt.is_map(kind) and _holds(kind.key_type, Scalar("string")):
            yield from _misfits(kind.item_type, values, f"{path}.*")
        case Scalar() if _holds(kind, t):
            return
        case _:
            yield path, str(kind), _wish(kind, t)


def _is_number_for_identity(found: pa.Schema, path: str, schema: Object) -> bool:
    """Whether *path* is a number and should be an identity: then the rows are named, each with its value."""
    wanted = schema.find(path)
    kind: pa.DataType = pa.struct(found)
    for name in path.split("."):
        if not pt.is_struct(kind) or kind.get_field_index(name) < 0:
            return False
        kind = kind.field(name).type
    return wanted is not None and isinstance(wanted.type, Identifier) and _is_number(kind)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pt.is_floating(kind) or pt.is_integer(kind) or pt.is_decimal(kind))


def _wish(kind: pa.DataType, t: Type) -> str:
    if isinstance(t, Scalar) and t.name == "string":
        why = " (a number does not keep every digit of an identifier)" if _is_number(kind) else ""
        return f"a string: write the column as text{why}"
    return f"{t.name if isinstance(t, Scalar) else type(t).__name__.lower()}, as {arrow_type(t)}"


def _holds(kind: pa.DataType, s: Scalar) -> bool:
    kind = _plain(kind)
    match s.name:
        case "string":
            return bool(pt.is_string(kind) or pt.is_large_string(kind) or pt.is_string_view(kind))
        case "number":
            return _is_number(kind)
        case "boolean":
            return bool(pt.is_boolean(kind))
        case "date":
            return bool(pt.is_date(kind))
        case "date-time":
            return bool(pt.is_timestamp(kind))
        case _:
            return bool(pt.is_integer(kind) or (pt.is_decimal(kind) and kind.scale == 0))


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pt.is_dictionary(kind) else kind


# -- values ----------------------------------------------------------------------------------------------------


def value(e: str, kind: pa.DataType | None, t: Type, depth: int = 0) -> str:
    """Return the SQL that turns *e*, a column of type *kind*, into a value of *t*; NULL where it does not fit.

    *e* itself if it has the type already; *kind* is None where the file has no such column.
    """
    if kind is None or pt.is_null(kind):
        return f"NULL::{sql_type(t)}"
    if kind == arrow_type(t):
        return e
    match t:
        case Scalar():
            return _scalar(e, _plain(kind), t)
        case Object(fields):
            held = _columns(kind)
            whole = pack((f.name, value(member(e, f.name), held.get(f.name), f.type, depth)) for f in fields)
            return f"CASE WHEN {e} IS NOT NULL THEN {whole} END"
        case Array(items):
            return each(e, lambda x: value(x, kind.value_type, items, depth + 1), depth)
        case Map(values):
            return each_value(e, lambda x: value(x, kind.item_type, values, depth + 1), depth)


def _scalar(e: str, kind: pa.DataType, s: Scalar) -> str:
    if s.name in INTEGER_BOUNDS:
        return f"TRY_CAST({e} AS {sql_type(s)})"
    if s.name == "string" and _is_number(kind):
        return "NULL::VARCHAR"
    if s.name != "date-time":
        return f"CAST({e} AS {sql_type(s)})"
    moment = f"{e} AT TIME ZONE 'UTC'" if kind.tz else e
    return f"CAST(date_trunc('millisecond', CAST({moment} AS TIMESTAMP)) AS TIMESTAMP_MS)"


def _lost(e: str, kind: pa.DataType, t: Type, depth: int = 0) -> str:
    """Return the SQL that is true where *e* holds a value that *t* cannot.

    That is an integer out of its type's bounds, or a number for an identity.
    """
    if pt.is_null(kind) or kind == arrow_type(t):
        return "false"
    match t:
        case Scalar():
            may_lose = t.name in INTEGER_BOUNDS or (t.name == "string" and _is_number(kind))
            return f"{e} IS NOT NULL AND {value(e, kind, t)} IS NULL" if may_lose else "false"
        case Object(fields):
            held = _columns(kind)
            return any_of(_lost(member(e, f.name), held[f.name], f.type, depth) for f in fields if f.name in held)
        case Array(items):
            return some(e, lambda item: _lost(item, kind.value_type, items, depth + 1), depth)
        case Map(values):
            return some(f"map_values({e})", lambda item: _lost(item, kind.item_type, values, depth + 1), depth)


def _repeats(e: str, kind: pa.DataType, t: Type, depth: int = 0) -> str:
    """Return the SQL that is true where a map in *e* has a key more than once, which a Parquet file may hold."""
    if pt.is_null(kind):
        return "false"
    match t:
        case Object(fields):
            held = _columns(kind)
            return any_of(_repeats(member(e, f.name), held[f.name], f.type, depth) for f in fields if f.name in held)
        case Array(items):
            return some(e, lambda item: _repeats(item, kind.value_type, items, depth + 1), depth)
        case Map(values):
            keys = f"map_keys({e})"
            inside = some(f"map_values({e})", lambda item: _repeats(item, kind.item_type, values, depth + 1), depth)
            return any_of([f"len({keys}) <> len(list_distinct({keys}))", inside])
        case _:
            return "false"
