"""CSV: a header of dotted XDM paths, or of names that a mapping leads to such; cells are text."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby

from limbeck.engine.sql import literal, quoted
from limbeck.errors import InvalidFile, nearest
from limbeck.ingest.columns import any_of, from_text, pack, sql_type
from limbeck.ingest.formats import Reading, StagedFile, mapped, path_list, text
from limbeck.xdm.types import Object, Scalar, Type

Cells = Mapping[str, str]
"""Dotted XDM path to the column that holds it."""


def readings(
    files: Sequence[StagedFile], schema: Object, delimiter: str, mapping: mapped.Columns | None
) -> list[Reading]:
    """Return how to read *files*, neighbours with the same header together.

    Raise `InvalidFile` for a header that names what the schema does not have, and for what is not UTF-8.
    """
    return [_reading(group, header, schema, delimiter, mapping) for header, group in _alike(files, delimiter)]


def sources(files: Sequence[StagedFile], delimiter: str) -> list[mapped.Source]:
    """Return the rows of *files* for a mapping that calculates; raise what `readings` does."""
    return [
        mapped.Source(group, f"SELECT * FROM {_rows(group, header, delimiter)}", _Cells(header), header, texts=True)
        for header, group in _alike(files, delimiter)
    ]


def _alike(files: Sequence[StagedFile], delimiter: str) -> list[tuple[list[str], list[StagedFile]]]:
    """Return headers, each with the neighbours that have it."""
    for file in files:
        text.check(file)
    return [(header, list(alike)) for header, alike in groupby(files, lambda file: _header(file, delimiter))]


def _header(file: StagedFile, delimiter: str) -> list[str]:
    with file.path.open(encoding="utf-8-sig", newline="") as source:
        try:
            header = next(csv.reader(source, delimiter=delimiter), [])
        except csv.Error as error:
            raise InvalidFile(f'the header of file "{file.name}" is not CSV: {error}') from error
    if not any(header):
        raise InvalidFile(f'file "{file.name}" has no header; its first line must name columns', code="INGEST-118-400")
    return header


def _reading(
    files: Sequence[StagedFile], header: Sequence[str], schema: Object, delimiter: str, mapping: mapped.Columns | None
) -> Reading:
    cells = {path: f"column{header.index(c)}" for path, c in _cells(files[0], header, schema, mapping).items()}
    raw = _nested(schema, "", cells, lambda cell, _: cell)
    good = _nested(schema, "", cells, from_text)
    lost = any_of(_lost(quoted(cells[path]), f.type) for path, f in schema.leaves() if path in cells)
    source = _rows(files, header, delimiter)
    return Reading(files, f"SELECT to_json({raw}) AS raw, {good} AS good, {lost} AS lost FROM {source}", texts=True)


def _rows(files: Sequence[StagedFile], header: Sequence[str], delimiter: str) -> str:
    """Return the SQL of the rows, whose cells are called `column0`, `column1` …"""
    columns = ", ".join(f"column{number}: 'VARCHAR'" for number in range(len(header)))
    options = (
        f"columns = {{{columns}}}, auto_detect = false, header = true, delim = {literal(delimiter)}, "
        "quote = '\"', escape = '\"', nullstr = '', allow_quoted_nulls = false, hive_partitioning = false"
    )
    return f"read_csv({path_list(files)}, {options})"


class _Cells:
    """The cells of a row as texts; what is inside one is nothing, as in JSON."""

    def __init__(self, header: Sequence[str]) -> None:
        self._header = header

    def text(self, path: mapped.Path) -> str:
        name = mapped.whole(path)
        return f"column{self._header.index(name)}" if name in self._header else "CAST(NULL AS VARCHAR)"

    def json(self, path: mapped.Path) -> str:
        return f"to_json({self.text(path)})"


# -- columns ---------------------------------------------------------------------------------------------------


def _cells(file: StagedFile, header: Sequence[str], schema: Object, mapping: mapped.Columns | None) -> Cells:
    if mapping is not None:
        mapped.require(file, header, mapping)
    cells = {path: path for path in header} if mapping is None else mapping
    for path, column in cells.items():
        _check(file, column, path, schema)
        if header.count(column) > 1:
            raise InvalidFile(f'file "{file.name}" gives "{path}" twice: it has two columns "{column}"')
    return cells


def _check(file: StagedFile, column: str, path: str, schema: Object) -> None:
    found = schema.find(path)
    if found is None:
        hint = nearest(path, [p for p, _ in schema.leaves()]) or "name columns by dotted path, as in a.b, or map them"
        raise _misfit(file, column, path, f"a field of the schema; {hint}")
    if not isinstance(found.type, Scalar):
        raise _misfit(file, column, path, "a field with a single value; send lists and objects as JSON or Parquet")


def _misfit(file: StagedFile, column: str, path: str, wanted: str) -> InvalidFile:
    sample = {"file": file.name, "row": None, "path": path, "found": f'column "{column}"', "wanted": wanted}
    return InvalidFile(f'column "{column}" of file "{file.name}" is "{path}"; wanted: {wanted}', samples=[sample])


# -- values ----------------------------------------------------------------------------------------------------


def _nested(t: Object, below: str, cells: Cells, leaf: Callable[[str, Scalar], str]) -> str:
    """Return the SQL of a row of *t* whose values *leaf* makes of cells."""
    return pack((f.name, _member(f.type, f"{below}{f.name}", cells, leaf)) for f in t.fields)


def _member(t: Type, path: str, cells: Cells, leaf: Callable[[str, Scalar], str]) -> str:
    if isinstance(t, Object):
        filled = [quoted(cells[p]) for p, _ in t.leaves(f"{path}.") if p in cells]
        if filled:
            return f"CASE WHEN coalesce({', '.join(filled)}) IS NOT NULL THEN {_nested(t, f'{path}.', cells, leaf)} END"
    if isinstance(t, Scalar) and path in cells:
        return leaf(quoted(cells[path]), t)
    return f"NULL::{sql_type(t)}"


def _lost(cell: str, t: Type) -> str:
    if not isinstance(t, Scalar) or t.name == "string":
        return "false"
    return f"{cell} IS NOT NULL AND {from_text(cell, t)} IS NULL"
