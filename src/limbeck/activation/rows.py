"""The rows of a delivery: the SQL that gives them, and their spelling in a CSV file (profile contract, section 7.6)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

import pyarrow as pa
import pyarrow.types as pt

from limbeck.activation.plan import STATUS, Column, Plan
from limbeck.audience.model import REALIZED
from limbeck.engine.sql import literal, quoted
from limbeck.profile.people import JOIN_MEMBERS, MEMBERS, PERSON, People

DELIVERED = "limbeck_delivered"
"""The relation of an audience's members."""

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A text that begins so would be a formula in a spreadsheet; an apostrophe before it keeps it a text."""


def statement(people: People, plan: Plan) -> str:
    """Return the SELECT of the file's rows in their order, from the members in `limbeck_delivered`."""
    columns = ", ".join(f"{_value(c)} AS {quoted(c.destination)}" for c in plan.columns)
    return f"WITH {_parts(people, plan)} SELECT {columns} FROM chosen ORDER BY {_order(plan)}"


def count(people: People, plan: Plan) -> str:
    """Return the SELECT of how many members there are, and how many rows."""
    return f"WITH {_parts(people, plan)} SELECT (SELECT count(*) FROM members), (SELECT count(*) FROM chosen)"


def _parts(people: People, plan: Plan) -> str:
    own = "struct_pack(namespace := namespace, value := value)"
    namespaces = sorted({c.namespace for c in (*plan.columns, *_sources(plan)) if c.namespace})
    identities = "".join(f", {_identity(n)} AS {quoted(f'identityMap.{n}')}" for n in namespaces)
    parts = {
        "p": people.persons(plan.paths()),
        "members": (
            f"SELECT {PERSON} AS person, max(since) AS since FROM (SELECT {own} AS own, since FROM {DELIVERED} "
            f"WHERE status = '{REALIZED}') AS kept {JOIN_MEMBERS} GROUP BY 1"
        ),
        "known": f"SELECT p.*, members.since{identities} FROM members JOIN p USING (person)",
        "chosen": _chosen(plan),
    }
    return ", ".join(f"{name} AS ({text})" for name, text in parts.items())


def _sources(plan: Plan) -> list[Column]:
    return [Column(s, s) for s in (*plan.mandatory, *plan.key)]


def _identity(namespace: str) -> str:
    """Return the SQL of a person's least identity in a namespace."""
    linked = (
        f"SELECT min(m.value) FROM {MEMBERS} AS m WHERE m.cluster = p.person AND m.namespace = {literal(namespace)}"
    )
    return f"coalesce(CASE WHEN p.namespace = {literal(namespace)} THEN p.value END, ({linked}))"


def _chosen(plan: Plan) -> str:
    """Return the SELECT of those who have what is mandatory; of those who share a key the latest."""
    needed = [f"coalesce(CAST({quoted(s)} AS VARCHAR), '') <> ''" for s in plan.mandatory]
    where = f" WHERE {' AND '.join(needed)}" if needed else ""
    if not plan.key:
        return f"SELECT * FROM known{where}"
    key = ", ".join(quoted(s) for s in plan.key)
    return f"SELECT * FROM known{where} QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY since DESC, person) = 1"


def _value(column: Column) -> str:
    return f"'{REALIZED}'" if column.source == STATUS else quoted(column.source)


def _order(plan: Plan) -> str:
    return ", ".join([*map(quoted, plan.key), "person"])


# -- CSV ----------------------------------------------------------------------------------------------------------


def csv_lines(rows: Iterable[Sequence[str]], delimiter: str) -> bytes:
    """Return lines of a CSV file."""
    held = io.StringIO(newline="")
    # a line end of two characters makes csv quote either of them, also before Python 3.13
    writer = csv.writer(held, delimiter=delimiter, lineterminator="\r\n")
    for row in rows:
        writer.writerow(row)
        held.seek(held.tell() - 2)
        held.write("\n")
        held.truncate()
    return held.getvalue().encode()


def cells(batch: pa.RecordBatch) -> Iterator[tuple[str, ...]]:
    """Yield rows as texts. Numbers are plain, times are RFC 3339, texts are no formulas."""
    return zip(*map(_cells, batch.columns), strict=True)


def _cells(column: pa.Array) -> list[str]:
    values = column.to_pylist()
    if pt.is_string(column.type) or pt.is_large_string(column.type):
        return ["" if v is None else _no_formula(v) for v in values]
    if pt.is_floating(column.type):
        return ["" if v is None else _plain(v) for v in values]
    if pt.is_timestamp(column.type):
        return ["" if v is None else v.isoformat(timespec="milliseconds") + "Z" for v in values]
    if pt.is_boolean(column.type):
        return ["" if v is None else str(v).lower() for v in values]
    return ["" if v is None else str(v) for v in values]


def _no_formula(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA) else text


def _plain(number: float) -> str:
    text = repr(number)
    return format(Decimal(text), "f") if "e" in text else text
