"""JSON: objects a line, or an array of them (profile contract, section 1.8).

A row is read as text. The engine takes it apart into pieces of JSON, which still know whether they were a string or
a number, and counts its keys, to find those that the schema does not have.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Literal

from limbeck import ids
from limbeck.engine.sql import literal, quoted
from limbeck.errors import InvalidFile
from limbeck.ingest.columns import any_of, each, each_value, from_text, item, member, pack, some
from limbeck.ingest.formats import Reading, StagedFile, mapped, path_list, text
from limbeck.ingest.rules import Identifier
from limbeck.xdm.types import Array, Field, Map, Object, Scalar, Type

Layout = Literal["array", "lines", "values", "mixed"]
"""One array; an object a line; objects that may span lines; several arrays, or arrays among objects."""

_ANY = Scalar("string")
_IS_OBJECT = "json_type(raw) = 'OBJECT'"
_QUOTE = "'\"'"
_SEAM = re.compile(rb"[\]}]\s*\n\s*[\[{]")
"""Where one value ends and the next begins: inside a value a comma or a colon would stand there."""


def readings(
    files: Sequence[StagedFile], schema: Object, multi_line: bool, folder: Path, mapping: mapped.Columns | None = None
) -> list[Reading]:
    """Return how to read *files*, neighbours of one layout together; *folder* takes copies without byte order mark.

    Arrays are recognised whatever *multi_line* says; it lets objects span lines. Raise `InvalidFile` for what is not
    UTF-8.
    """
    return [_reading(group, source, schema, mapping) for group, source in _alike(files, multi_line, folder)]


def sources(files: Sequence[StagedFile], multi_line: bool, folder: Path) -> list[mapped.Source]:
    """Return the rows of *files* for a mapping that calculates; raise what `readings` does."""
    row = f"CASE WHEN {_IS_OBJECT} THEN {{}} ELSE raw END"
    found = _alike(files, multi_line, folder)
    return [mapped.Source(group, source, Cells(), row=row, held=_held(source)) for group, source in found]


def _alike(files: Sequence[StagedFile], multi_line: bool, folder: Path) -> list[tuple[list[StagedFile], str]]:
    """Return neighbours of one layout, with the SELECT of their rows."""
    plain = [_without_bom(file, folder) for file in files]
    groups = [(layout, list(alike)) for layout, alike in groupby(plain, lambda file: _layout(file, multi_line))]
    return [(group, _source(group, layout, multi_line)) for layout, group in groups]


def _reading(files: Sequence[StagedFile], source: str, schema: Object, mapping: mapped.Columns | None) -> Reading:
    if mapping is None:
        return Reading(files, select(source, schema))
    row = mapped.document(mapped.tree(mapping), _cell)
    turned = f"SELECT CASE WHEN {_IS_OBJECT} THEN coalesce({row}, '{{}}') ELSE raw END AS raw FROM ({source})"
    return Reading(files, select(turned, schema), held=_held(source))


def _held(source: str) -> str:
    return f"SELECT DISTINCT unnest(json_keys(raw)) FROM ({source}) WHERE {_IS_OBJECT}"


def _cell(column: str) -> str:
    return f"nullif(raw -> {literal(_quoted('$', column))}, 'null'::JSON)"


class Cells:
    """What a row holds at a path, or under the name that has the dots in it."""

    def text(self, path: mapped.Path) -> str:
        return self._first(path, lambda place: f"(raw ->> {place})")

    def json(self, path: mapped.Path) -> str:
        return self._first(path, lambda place: f"nullif(raw -> {place}, 'null'::JSON)")

    def _first(self, path: mapped.Path, cell: Callable[[str], str]) -> str:
        place = "$"
        for step in path:
            place = f"{place}[{step}]" if isinstance(step, int) else _quoted(place, step)
        name = mapped.whole(path)
        ways = [place] if len(path) == 1 or name is None else [_quoted("$", name), place]
        return f"coalesce({', '.join(cell(literal(way)) for way in ways)})"


def _without_bom(file: StagedFile, folder: Path) -> StagedFile:
    with file.path.open("rb") as source:
        if source.read(len(text.BOM)) != text.BOM:
            return file
        target = folder / f"{ids.new_uuid()}.json"
        with target.open("wb") as sink:
            shutil.copyfileobj(source, sink)
    return StagedFile(file.name, target)


def _layout(file: StagedFile, multi_line: bool) -> Layout:
    first, last, tail, several = b"", b"", b"", False
    for chunk in text.chunks(file):
        part = tail + chunk
        first = first or part.lstrip()[:1]
        last = chunk.rstrip()[-1:] or last
        several = several or _begins_value(part, first)
        tail = part[-64:]
    if not first:
        raise InvalidFile(f'file "{file.name}" is empty', code="INGEST-106-400")
    if first == b"[" and not several and last != b"]":
        raise InvalidFile(f'file "{file.name}" is a JSON array that does not end; was the upload cut off?')
    if several:
        return "mixed"
    return "array" if first == b"[" else "values" if multi_line else "lines"


def _begins_value(part: bytes, first: bytes) -> bool:
    """Whether an array, or what follows an array, begins on a line of its own."""
    if first == b"[":
        return b"\n" in part and _SEAM.search(part) is not None
    return b"\n[" in part


def _source(files: Sequence[StagedFile], layout: Layout, multi_line: bool) -> str:
    lines = "format = 'newline_delimited', ignore_errors = true"
    values = "format = 'unstructured'"
    options = {"array": "format = 'array'", "lines": lines, "values": values, "mixed": values if multi_line else lines}
    source = (
        f"SELECT json AS raw FROM read_json_objects({path_list(files)}, {options[layout]}, hive_partitioning = false)"
    )
    if layout != "mixed":
        return source
    items = "CASE json_type(raw) WHEN 'ARRAY' THEN from_json(raw, '[\"JSON\"]') ELSE [raw] END"
    return f"SELECT unnest({items}) AS raw FROM ({source})"


def select(source: str, schema: Object) -> str:
    """Return the SELECT of what the documents `raw` of *source* hold of the schema."""
    taken = f"SELECT raw, {_parsed('raw', schema)} AS row FROM ({source})"
    turned = f"SELECT raw, row, {value('row', schema)} AS good FROM ({taken})"
    lost = any_of(["row IS NULL", _strays("raw", schema, 0), _lost("row", "good", schema, 0)])
    return f"SELECT raw, good, {lost} AS lost FROM ({turned})"


# -- values ----------------------------------------------------------------------------------------------------


def value(e: str, t: Type, depth: int = 0) -> str:
    """Return the SQL that turns *e* into a value of *t*; NULL where it is none.

    *e* is a structure of pieces for an object, and a piece of JSON for anything else.
    """
    match t:
        case Scalar():
            return from_text(f"({e} ->> '$')", t)
        case Object(fields):
            whole = pack((f.name, value(member(e, f.name), f.type, depth)) for f in fields)
            return f"CASE WHEN {e} IS NOT NULL THEN {whole} END"
        case Array(items):
            return each(_parsed(e, t), lambda x: value(x, items, depth + 1), depth)
        case Map(values):
            return each_value(_parsed(e, t), lambda x: value(x, values, depth + 1), depth)


def _parsed(e: str, t: Type) -> str:
    """Return the SQL that takes the JSON text *e* apart into pieces, one level of list or map deep."""
    match t:
        case Object():
            shape = _pieces(t)
        case Array(items):
            shape = f"{_pieces(items)}[]"
        case Map(values):
            shape = f"MAP(VARCHAR, {_pieces(values)})"
        case _:
            shape = "JSON"
    return f"from_json({e}, {literal(json.dumps(shape))})"


def _pieces(t: Type) -> str:
    if not isinstance(t, Object):
        return "JSON"
    return f"STRUCT({', '.join(f'{quoted(f.name)} {_pieces(f.type)}' for f in t.fields)})"


# -- what is lost on the way -----------------------------------------------------------------------------------


def _lost(e: str, good: str, t: Type, depth: int) -> str:
    """Return the SQL that is true where *e* holds something that its value *good* does not."""
    match t:
        case Scalar():
            return f"{e} IS NOT NULL AND (NOT {_is_kind(e, t)} OR {good} IS NULL)"
        case Object(fields):
            return any_of(_lost(member(e, f.name), member(good, f.name), f.type, depth) for f in fields)
        case Array(items):
            return _lost_inside(e, _parsed(e, t), _parsed(e, Array(_ANY)), items, depth)
        case Map(values):
            parsed, documents = (f"map_values({_parsed(e, m)})" for m in (t, Map(_ANY)))
            return _lost_inside(e, parsed, documents, values, depth)


def _lost_inside(e: str, parsed: str, documents: str, items: Type, depth: int) -> str:
    """Return the SQL that is true where *e* is no list or map, or one of its items is lost on the way.

    *parsed* are the items as pieces, *documents* as JSON.
    """
    strays = some(documents, lambda x: _strays(x, items, depth + 1), depth)
    inside = some(parsed, lambda x: _lost(x, value(x, items, depth + 1), items, depth + 1), depth)
    return f"{e} IS NOT NULL AND ({any_of([f'{parsed} IS NULL', strays, inside])})"


def _is_kind(e: str, s: Scalar) -> str:
    """Return the SQL that is true where a piece may become *s*: a text, or a number if that keeps its digits."""
    if s.name == "boolean":
        return f"({e} IN ('true', 'false'))"
    if isinstance(s, Identifier) or s.name == "date":
        return f"starts_with({e}, {_QUOTE})"
    pattern = '^("|-?[0-9]{1,18}$)' if s.name == "string" else '^("|-?[0-9])'
    return f"regexp_matches({e}, {literal(pattern)})"


# -- keys ------------------------------------------------------------------------------------------------------


def _strays(document: str, t: Type, depth: int) -> str:
    """Return the SQL that is true where the objects of a JSON *document* hold a key too many.

    That is one that the schema does not have, or a known one twice: there are more keys than known ones that exist.
    An object's place may also hold something else.
    """
    objects, members = _list(_objects("$", t)), _list(_members("$", t))
    if members == "[]":
        return "false"
    keys = f"flatten(json_keys({document}, {objects}))"
    known = f"list_filter(json_exists({document}, {members}), lambda {item(depth)}: {item(depth)})"
    other = some(f"json_type({document}, {objects})", lambda kind: f"{kind} NOT IN ('OBJECT', 'NULL')", depth)
    return any_of([f"len({keys}) <> len({known})", other])


def _objects(path: str, t: Type) -> Iterator[str]:
    """Yield the JSON path of each object in *t* without a list or map between."""
    if isinstance(t, Object):
        yield path
        for f in t.fields:
            yield from _objects(_below(path, f), f.type)


def _members(path: str, t: Type) -> Iterator[str]:
    """Yield the JSON path of each field of these objects."""
    if isinstance(t, Object):
        for f in t.fields:
            yield _below(path, f)
            yield from _members(_below(path, f), f.type)


def _below(path: str, f: Field) -> str:
    return _quoted(path, f.name)


def _quoted(path: str, name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'{path}."{escaped}"'


def _list(paths: Iterable[str]) -> str:
    return f"[{', '.join(map(literal, paths))}]"
