"""JSON: objects a line, or an array of them (profile contract, section 1.8).

A row is read as text and taken apart twice by the engine: its keys at each path, to find those that the schema
does not have, and its values as pieces of JSON, which still know whether they were a string or a number.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from limbeck.engine.sql import literal, quoted
from limbeck.errors import InvalidFile
from limbeck.ingest.columns import any_of, from_text, member, pack, some
from limbeck.ingest.formats import Reading, StagedFile, path_list
from limbeck.xdm.types import Array, Map, Object, Scalar, Type

_CHUNK = 4 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"
_SEAM = re.compile(rb"([\]}])\s*\n\s*([\[{])")
"""Where one line's value ends and the next line's begins: inside a value a comma or a colon would stand there."""
_EMPTY_ARRAY = re.compile(rb"^[ \t]*\[\s*\][ \t]*\r?$", re.MULTILINE)


def readings(files: Sequence[StagedFile], schema: Object, multi_line: bool) -> list[Reading]:
    """Return how to read *files*: arrays together, objects a line together."""
    arrays = [f for f in files if _begins(f.path) == b"["]
    lines = [f for f in files if f not in arrays]
    how = "format = 'unstructured'" if multi_line else "format = 'newline_delimited', ignore_errors = true"
    both = ((arrays, "format = 'array'"), (lines, how))
    return [Reading(group, _select(group, options, schema)) for group, options in both if group]


def _begins(path: Path) -> bytes:
    with path.open("rb") as file:
        while (block := file.read(_CHUNK)) and not block.removeprefix(_BOM).strip():
            pass
    return block.removeprefix(_BOM).lstrip()[:1]


def _select(files: Sequence[StagedFile], options: str, schema: Object) -> str:
    paths = list(_objects("$", "row", schema))
    places = ", ".join(literal(path) for path, _, _ in paths)
    source = f"SELECT json AS raw FROM read_json_objects({path_list(files)}, {options})"
    taken = f"SELECT raw, {_parsed('raw', schema)} AS row, json_keys(raw, [{places}]) AS keys FROM ({source})"
    turned = f"SELECT raw, row, keys, {value('row', schema)} AS good FROM ({taken})"
    strays = [_stray(f"keys[{i}]", path, row, t) for i, (path, row, t) in enumerate(paths, 1)]
    lost = any_of(["raw IS NULL", *strays, _lost("row", "good", schema, 0)])
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
            return f"list_transform({_parsed(e, t)}, lambda x{depth}: {value(f'x{depth}', items, depth + 1)})"
        case Map(values):
            item = value(f"x{depth}.value", values, depth + 1)
            pairs = f"lambda x{depth}: struct_pack(key := x{depth}.key, value := {item})"
            return f"map_from_entries(list_transform(map_entries({_parsed(e, t)}), {pairs}))"


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
            return _lost_inside(e, "[", _parsed(e, t), "$[*]", items, depth)
        case Map(values):
            return _lost_inside(e, "{", f"map_values({_parsed(e, t)})", "$.*", values, depth)


def _lost_inside(e: str, bracket: str, parsed: str, path: str, items: Type, depth: int) -> str:
    inside = some(parsed, lambda x: _lost(x, value(x, items, depth + 1), items, depth + 1), depth)
    strays = [_stray_inside(e, parsed, *found, depth) for found in _objects(path, f"x{depth}", items)]
    broken = any_of([f"NOT starts_with({e}, '{bracket}')", f"{parsed} IS NULL", *strays, inside])
    return f"{e} IS NOT NULL AND ({broken})"


def _is_kind(e: str, s: Scalar) -> str:
    if s.name == "boolean":
        return f"({e} IN ('true', 'false'))"
    pattern = '^"' if s.name == "date" else '^("|-?[0-9])'
    return f"regexp_matches({e}, {literal(pattern)})"


# -- keys ------------------------------------------------------------------------------------------------------


def _objects(path: str, row: str, t: Type) -> Iterator[tuple[str, str, Object]]:
    """Yield, for each object in *t* without a list or map between: its JSON path, its pieces' SQL and its type."""
    if isinstance(t, Object):
        yield path, row, t
        for f in t.fields:
            name = f.name.replace("\\", "\\\\").replace('"', '\\"')
            yield from _objects(f'{path}."{name}"', member(row, f.name), f.type)


def _stray(keys: str, path: str, row: str, t: Object) -> str:
    """Return the SQL that is true where there is no object at *path*, or one with other *keys* than the schema's.

    As many keys as pieces that were found leave no room for another or a repeated one: that spares most rows
    the comparison of names.
    """
    other = f"len({keys}) = 0 AND json_type(raw, {literal(path)}) NOT IN ('OBJECT', 'NULL')"
    return any_of([f"len({keys}) <> {_present(row, t)} AND ({_unknown(keys, t)})", other])


def _stray_inside(e: str, parsed: str, path: str, row: str, t: Object, depth: int) -> str:
    keys = f"json_keys({e}, {literal(path)})"
    count = f"list_sum(list_transform({parsed}, lambda x{depth}: {_present(row, t)}))"
    unknown = some(keys, lambda names: _unknown(names, t), depth)
    empty = some(keys, lambda names: f"len({names}) = 0", depth)
    other = f"{empty} AND NOT list_has_all(['OBJECT', 'NULL'], json_type({e}, {literal(path)}))"
    return any_of([f"len(flatten({keys})) <> {count} AND {unknown}", other])


def _present(row: str, t: Object) -> str:
    return " + ".join(f"CAST({member(row, f.name)} IS NOT NULL AS INTEGER)" for f in t.fields)


def _unknown(keys: str, t: Object) -> str:
    names = ", ".join(literal(f.name) for f in t.fields)
    return f"NOT list_has_all([{names}], {keys}) OR list_unique({keys}) <> len({keys})"


# -- arrays a line ---------------------------------------------------------------------------------------------


def spread(file: StagedFile, folder: Path) -> StagedFile | None:
    """Rewrite a file whose lines hold several values, arrays among them, as one array; None if it has no such.

    `limbeck.engine` reads either lines of objects or one array; clients that append to a file make others.
    """
    if not _has_seams(file.path):
        return None
    target = folder / f"{file.path.name}.array"
    with file.path.open("rb") as source, target.open("wb") as sink:
        _join(source, sink)
    return StagedFile(file.name, target)


def _has_seams(path: Path) -> bool:
    with path.open("rb") as file:
        marked = file.read(3) == _BOM
        file.seek(0)
        return marked or any(b"[" in m.groups()[1] or b"]" in m.groups()[0] for c in _chunks(file) for m in _SEAM.finditer(c))


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    """Yield the file in parts that do not end within a seam."""
    while chunk := file.read(_CHUNK):
        while chunk[-1:] in b"]} \t\r\n" and (more := file.read(4096)):
            chunk += more
        yield chunk


def _join(source: BinaryIO, sink: BinaryIO) -> None:
    first, last = True, b""
    for chunk in _chunks(source):
        text = _EMPTY_ARRAY.sub(b"", chunk)
        if first:
            text = text.removeprefix(_BOM).lstrip()
            sink.write(b"" if text.startswith(b"[") else b"[")
            first = False
        sink.write(_SEAM.sub(_mended, text))
        last = text.rstrip()[-1:] or last
    sink.write(b"" if last == b"]" else b"]")


def _mended(seam: re.Match[bytes]) -> bytes:
    end, begin = seam.groups()
    return (b"" if end == b"]" else end) + b"," + (b"" if begin == b"[" else begin)


def broken(file: StagedFile, reason: str) -> InvalidFile:
    """Return the error for a file that is no JSON as a whole; *reason* is the engine's."""
    return InvalidFile(f'file "{file.name}" is not JSON: {reason}')
