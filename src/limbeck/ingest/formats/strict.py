"""JSON that is of its columns' types already: the engine's own reader takes it, several times as fast.

That reader alone would also take what is wrong: it makes a text of an object and a number of `true`, and passes over
keys it does not know. So a strict decoder, in C, looks at every row beside it, and takes only those that the reader
reads as `limbeck.ingest.formats.json` would. The reader itself refuses keys that come twice and numbers out of their
type's bounds. It is one or the other for all files of a batch: a single row that is odd sends them the slow way.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from types import GenericAlias
from typing import Annotated, Any, Literal

import msgspec
import pyarrow as pa
from msgspec import Meta

from limbeck.engine import Interrupt, Session
from limbeck.engine.sql import literal, quoted
from limbeck.errors import LimbeckError
from limbeck.ingest.columns import INTEGER, NUMBER, any_of, each, each_value, from_text, member, pack, some, sql_type
from limbeck.ingest.formats import InputFormat, Reading, StagedFile, path_list
from limbeck.ingest.rules import Identifier
from limbeck.xdm.types import Array, Map, Object, Scalar, Type

Layout = Literal["array", "newline_delimited", "unstructured"]
"""One array; an object a line; objects that may span lines. They are the reader's own names."""

_END_BYTES = 4096
"""How much of a file's beginning and end tells its layout."""

_CHUNK_BYTES, _OBJECTS = 64 * 1024, 128
"""How much is decoded at once: of more rows Python's collector would look at many before they are gone."""

_LINE_BYTES = 16 * 1024 * 1024
"""The longest line that the reader takes."""


@dataclass(frozen=True, slots=True)
class Plain:
    """Files that are plain, by their looks."""

    reading: Reading
    """How the engine's own reader reads them; without the rows' texts."""
    layout: Layout
    decoder: msgspec.json.Decoder[Any]

    @property
    def serial(self) -> bool:
        """Whether the reader can only read it one row after the other: it looks for no lines in a single file."""
        return self.layout != "newline_delimited" and len(self.reading.files) == 1

    def rows(self, session: Session, interrupt: Interrupt) -> int | None:
        """Return how many rows there are, or None if one of them is not plain: then *interrupt* what goes on beside."""
        count = 0
        try:
            for text in self._lines(interrupt) if self.layout == "newline_delimited" else self._objects(session):
                count += len(self.decoder.decode_lines(text))
        except (LimbeckError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            interrupt.now()
            return None
        return count

    def _lines(self, interrupt: Interrupt) -> Iterator[bytes]:
        """Yield whole lines, several at a time."""
        for file in self.reading.files:
            with file.path.open("rb") as source:
                while chunk := source.read(_CHUNK_BYTES):
                    interrupt.check()
                    yield chunk + source.readline(_LINE_BYTES)

    def _objects(self, session: Session) -> Iterator[memoryview]:
        """Yield the objects that the engine finds in an array, or across lines, several at a time."""
        source = f"read_json_objects({_options(self.reading.files, self.layout)})"
        for rows in session.reader(f"SELECT CAST(json AS VARCHAR) FROM {source}"):
            yield from _together(rows.column(0))


def _together(texts: pa.StringArray) -> Iterator[memoryview]:
    """Yield the bytes of *texts* where they lie one after the other, those of several at a time."""
    _, offsets, data = texts.buffers()
    bounds = memoryview(offsets).cast("i")[texts.offset : texts.offset + len(texts) + 1]
    for start in range(0, len(texts), _OBJECTS):
        yield memoryview(data)[bounds[start] : bounds[min(start + _OBJECTS, len(texts))]]


def plain(files: Sequence[StagedFile], how: InputFormat | None, schema: Object) -> Plain | None:
    """Return how to read JSON files of *schema* if all of them look plain, and alike; None otherwise."""
    layouts = {_layout(file, how or InputFormat.of(file.name)) for file in files}
    layout = layouts.pop()
    if layout is None or layouts:
        return None
    try:
        decoder = msgspec.json.Decoder(_struct(schema))
    except ValueError:  # of a name that it cannot be told
        return None
    columns = ", ".join(f"{literal(f.name)}: {literal(_read_as(f.type))}" for f in schema.fields)
    good = pack((f.name, _value(quoted(f.name), f.type)) for f in schema.fields)
    lost = any_of(_lost(quoted(f.name), f.type) for f in schema.fields)
    source = f"read_json({_options(files, layout)}, columns = {{{columns}}})"
    return Plain(Reading(files, f"SELECT {good} AS good, {lost} AS lost FROM {source}"), layout, decoder)


def _options(files: Sequence[StagedFile], layout: Layout) -> str:
    return f"{path_list(files)}, format = {literal(layout)}, hive_partitioning = false"


def _layout(file: StagedFile, how: InputFormat | None) -> Layout | None:
    """Return the layout of a file by its first and last byte, or None if these are not those of JSON."""
    if how is None or how.format != "json":
        return None
    with file.path.open("rb") as source:
        first = source.read(_END_BYTES).lstrip()[:1]
        source.seek(-min(_END_BYTES, source.seek(0, os.SEEK_END)), os.SEEK_END)
        last = source.read().rstrip()[-1:]
    match first + last:
        case b"[]":
            return "array"
        case b"{}":
            return "unstructured" if how.multi_line else "newline_delimited"
        case _:
            return None


# -- what the decoder takes ------------------------------------------------------------------------------------


def _struct(t: Object) -> type[msgspec.Struct]:
    """Return a structure of the fields of *t*, each of which may be absent or null, and no others."""
    names = {f"f{number}": f.name for number, f in enumerate(t.fields)}
    fields = [(name, _kind(f.type) | None, None) for name, f in zip(names, t.fields, strict=True)]
    return msgspec.defstruct("Row", fields, rename=names, forbid_unknown_fields=True, gc=False)


def _kind(t: Type) -> Any:
    match t:
        case Object():
            return _struct(t)
        case Array(items):
            return GenericAlias(list, (_kind(items) | None,))
        case Map(values):
            return GenericAlias(dict, (str, _kind(values) | None))
        case Scalar():
            return _scalar(t)


def _scalar(s: Scalar) -> Any:
    match s.name:
        case "string":
            return str if isinstance(s, Identifier) else str | _whole(18)
        case "boolean":
            return bool
        case "number":
            return float | _text(NUMBER)
        case "date":
            return date
        case "date-time":
            return str | _whole(15)
        case _:
            return Annotated[float, Meta(multiple_of=1)] | _text(INTEGER)


def _whole(digits: int) -> Any:
    return Annotated[int, Meta(gt=-(10**digits), lt=10**digits)]


def _text(pattern: str) -> Any:
    return Annotated[str, Meta(pattern=rf"^({pattern})\Z")]


# -- what the reader reads -------------------------------------------------------------------------------------


def _has_moments(t: Type) -> bool:
    match t:
        case Scalar():
            return t.name == "date-time"
        case Object(fields):
            return any(_has_moments(f.type) for f in fields)
        case Array(inner) | Map(inner):
            return _has_moments(inner)


def _read_as(t: Type) -> str:
    """Return the engine's type as which *t* is read: moments as text, since its own reader knows no zones."""
    if not _has_moments(t):
        return sql_type(t)
    match t:
        case Object(fields):
            return f"STRUCT({', '.join(f'{quoted(f.name)} {_read_as(f.type)}' for f in fields)})"
        case Array(items):
            return f"{_read_as(items)}[]"
        case Map(values):
            return f"MAP(VARCHAR, {_read_as(values)})"
        case _:
            return "VARCHAR"


def _value(e: str, t: Type, depth: int = 0) -> str:
    """Return the SQL that turns *e*, as it was read, into a value of *t*."""
    if not _has_moments(t):
        return e
    match t:
        case Scalar():
            return from_text(e, t)
        case Object(fields):
            whole = pack((f.name, _value(member(e, f.name), f.type, depth)) for f in fields)
            return f"CASE WHEN {e} IS NOT NULL THEN {whole} END"
        case Array(items):
            return each(e, lambda x: _value(x, items, depth + 1), depth)
        case Map(values):
            return each_value(e, lambda x: _value(x, values, depth + 1), depth)


def _lost(e: str, t: Type, depth: int = 0) -> str:
    """Return the SQL that is true where a text in *e* is no moment."""
    if not _has_moments(t):
        return "false"
    match t:
        case Scalar():
            return f"{e} IS NOT NULL AND {from_text(e, t)} IS NULL"
        case Object(fields):
            return any_of(_lost(member(e, f.name), f.type, depth) for f in fields)
        case Array(items):
            return some(e, lambda x: _lost(x, items, depth + 1), depth)
        case Map(values):
            return some(f"map_values({e})", lambda x: _lost(x, values, depth + 1), depth)
