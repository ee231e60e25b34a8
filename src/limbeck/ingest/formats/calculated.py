"""Mappings that calculate: each row of a file, of whatever format, becomes a document of JSON as the mapping says.

So the rules of JSON hold for what was calculated, and its values are checked like any others. A row for which a
calculation fails carries, in the place of its value, what says so: something that its field never takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from limbeck.engine.sql import literal
from limbeck.ingest.formats import InputFormat, Reading, StagedFile, csv, json, mapped, parquet
from limbeck.xdm.types import Array, Object, Scalar, Type

_VALUE = "limbeck_value_{}"
"""The column of a mapping's value; no column of a file is called so."""


def readings(
    files: Sequence[StagedFile], form: InputFormat, schema: Object, folder: Path, mapping: mapped.Sources
) -> list[Reading]:
    """Return how to read *files* of one format by a mapping that calculates, or reads what is inside columns.

    Raise `InvalidFile` for a file that cannot be read, or lacks a column that the mapping reads.
    """
    match form.format:
        case "csv":
            found = csv.sources(files, form.delimiter)
        case "json":
            found = json.sources(files, form.multi_line, folder)
        case "parquet":
            found = parquet.sources(files)
    return [_reading(source, schema, mapping) for source in found]


def _reading(source: mapped.Source, schema: Object, mapping: mapped.Sources) -> Reading:
    for file in source.files if source.names is not None else ():
        mapped.require(file, source.names or (), mapping)
    columns = {path: _VALUE.format(number) for number, path in enumerate(mapping)}
    values = ", ".join(f"{_value(source, mapping[path], _type(schema, path))} AS {c}" for path, c in columns.items())
    document = f"coalesce({mapped.document(mapped.tree(columns), str)}, '{{}}')"
    turned = f"SELECT {source.row.format(document)} AS raw FROM (SELECT *, {values} FROM ({source.sql}))"
    return Reading(source.files, json.select(turned, schema), held=source.held)


def _type(schema: Object, path: str) -> Type:
    found = schema.find(path)
    assert found is not None, path
    return found.type


def _value(source: mapped.Source, what: str | mapped.Calculated, wanted: Type) -> str:
    """Return the SQL of a field's value as JSON."""
    if isinstance(what, str):
        return _cell(source, mapped.path_of(what), wanted)
    value = what.sql(source.cells, wanted)
    return f"coalesce(TRY(struct_pack(v := {value})), struct_pack(v := {_failed(source, what, wanted)})).v"


def _cell(source: mapped.Source, path: mapped.Path, wanted: Type) -> str:
    cell = source.cells.json(path)
    if not source.texts or not isinstance(wanted, Scalar) or wanted.name != "boolean":
        return cell
    text = f"lower({source.cells.text(path)})"
    return f"CASE WHEN {text} IN ('true', 'false') THEN CAST({text} AS JSON) ELSE {cell} END"


def _failed(source: mapped.Source, what: mapped.Calculated, wanted: Type) -> str:
    """Return the SQL of what stands for a value that could not be calculated: an object, or a text where one fits."""
    read = ", ".join(f"{literal(mapped.shown(p))}, {source.cells.json(p)}" for p in what.columns)
    said = f"json_object('failed', {literal(what.text)}, 'with', json_object({read}))"
    return said if isinstance(wanted, Scalar | Array) else f"to_json(CAST({said} AS VARCHAR))"
