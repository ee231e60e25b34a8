"""COPY … TO STDOUT in text, csv and binary (SQL contract, section 2.8)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from limbeck.errors import FeatureNotSupported, SqlSyntaxError
from limbeck.pgwire import rows
from limbeck.pgwire.answer import Answer
from limbeck.query.words import Words


@dataclass(frozen=True, slots=True)
class CopyOut:
    """COPY (query) TO STDOUT."""

    query: str
    start: int
    format: Literal["text", "csv", "binary"] = "text"
    header: bool = False
    delimiter: str = "\t"
    null: str = "\\N"
    quote: str = '"'


def _copy(words: Words) -> CopyOut:
    words.expect("COPY")
    query, start = _query(words)
    if not words.take("TO"):
        raise FeatureNotSupported("of COPY, only COPY … TO STDOUT is served", hint="upload files as a batch, or INSERT")
    if not words.take("STDOUT"):
        place = words.next()
        raise FeatureNotSupported(
            f"COPY TO {place.text} is not served: a query writes no files on the server",
            position=place.start + 1,
            hint="COPY … TO STDOUT gives the rows to the client; CREATE TABLE … AS keeps them",
        )
    options = _options(words)
    words.end()
    form = options.get("format", "text").lower()
    if form not in ("text", "csv", "binary"):
        raise FeatureNotSupported(f"COPY FORMAT {form} is not served", hint="text, csv and binary are")
    csv = form == "csv"
    found = CopyOut(
        query,
        start,
        "csv" if csv else "binary" if form == "binary" else "text",
        options.get("header", "false").lower() in ("true", "on", "1", ""),
        options.get("delimiter", "," if csv else "\t"),
        options.get("null", "" if csv else "\\N"),
        options.get("quote", '"'),
    )
    if len(found.delimiter) != 1 or len(found.quote) != 1:
        raise SqlSyntaxError("DELIMITER and QUOTE of COPY are one character each")
    return found


def _query(words: Words) -> tuple[str, int]:
    """The query of a COPY; a table, with the columns listed or not, is one over all its rows."""
    if words.peek() == "(":
        return words.parenthesised()
    token = words.next()
    if token.kind not in ("word", "name"):
        raise words.unexpected(token)
    columns = words.parenthesised()[0] if words.peek() == "(" else "*"
    return f"SELECT {columns} FROM {token.text}", token.start


def _options(words: Words) -> dict[str, str]:
    """`(FORMAT csv, HEADER)`, and the older spelling `WITH CSV HEADER`."""
    words.take("WITH")
    found: dict[str, str] = {}
    listed = words.take("(")
    while not words.ended() and not (listed and words.take(")")):
        token = words.next()
        key = token.word.lower()
        if key in ("csv", "binary") and not listed:
            found["format"] = key
        elif key == "header":
            found[key] = words.one_of("TRUE", "FALSE", "ON", "OFF") or words.one_of("1", "0")
        elif key in ("format", "delimiter", "null", "quote", "encoding"):
            words.take("AS")
            found[key] = words.next().value
        else:
            raise FeatureNotSupported(f"the option {token.text} of COPY is not served", position=token.start + 1)
        words.take(",")
    return found


PARSERS: dict[str, Callable[[Words], CopyOut]] = {"COPY": _copy}

# -- its rows ------------------------------------------------------------------------------------------------------


def copied(copy: CopyOut, schema: pa.Schema, answer: Answer) -> Iterator[memoryview]:
    """Yield the rows of *answer*, with a header if one is asked for, as CopyData messages."""
    encode = _encoder(copy, schema)
    if copy.header and copy.format != "binary":
        yield from rows.encoded(_header(schema), encode)
    yield from rows.streamed(answer.take(), encode)


def _encoder(copy: CopyOut, schema: pa.Schema) -> rows.Encoder:
    if copy.format == "binary":
        return rows.copy_binary(schema)
    if copy.format == "csv":
        return rows.copy_csv(copy.delimiter, copy.null, copy.quote)
    return rows.copy_text(copy.delimiter, copy.null)


def _header(schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array([name]) for name in schema.names], names=schema.names)
