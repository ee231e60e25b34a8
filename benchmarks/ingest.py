"""How fast each format is validated and converted, beside DuckDB copying the same file without any check.

    python benchmarks/ingest.py [EVENTS]

Prints rows a second for both, and their ratio, all from one run. EVENTS is 300,000 unless given.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb

from limbeck.engine import Engine
from limbeck.engine.sql import literal, quoted
from limbeck.ingest import InputFormat, StagedFile, convert
from limbeck.ingest.columns import sql_type
from limbeck.xdm.types import Array, Field, Map, Object, Scalar, Schema

EVENTS = 300_000
TEXT, NUMBER = Scalar("string"), Scalar("number")


def fields(*members: tuple[str, object]) -> Object:
    """Return an object type with these fields."""
    return Object(tuple(Field(name, kind) for name, kind in members))  # type: ignore[arg-type]


VALUE = fields(("value", NUMBER))
FLAT = fields(
    ("_id", TEXT),
    ("timestamp", Scalar("date-time")),
    ("eventType", TEXT),
    ("_acme", fields(("userid", TEXT))),
    ("web", fields(("webPageDetails", fields(("name", TEXT), ("URL", TEXT), ("pageViews", VALUE))))),
    ("directMarketing", fields(("emailVisitorID", TEXT), ("sends", VALUE), ("opens", VALUE), ("clicks", VALUE))),
)
ITEM = fields(("SKU", TEXT), ("quantity", Scalar("long")), ("priceTotal", NUMBER))
IDENTITY = fields(("id", TEXT), ("primary", Scalar("boolean")))
NESTED = Object((*FLAT.fields, Field("productListItems", Array(ITEM)), Field("identityMap", Map(Array(IDENTITY)))))

FLAT_ROWS = """
SELECT 'event-' || i AS _id,
    TIMESTAMP '2024-01-01' + INTERVAL 37 SECOND * (i % 1000000) AS timestamp,
    ['web.webpagedetails.pageViews', 'commerce.purchases', 'directMarketing.emailSent'][1 + i % 3] AS eventType,
    {userid: lpad(CAST(hash(i % 10000) AS VARCHAR), 38, '1')} AS _acme,
    CASE WHEN i % 3 = 0 THEN {webPageDetails: {name: 'page ' || i % 97, URL: 'https://example.com/' || i % 997,
        pageViews: {value: 1.0}}} END AS web,
    CASE WHEN i % 3 = 2 THEN {emailVisitorID: CAST(i % 500 AS VARCHAR), sends: {value: 1.0},
        opens: {value: 0.5 * (i % 7)}, clicks: {value: NULL::DOUBLE}} END AS directMarketing
FROM range(EVENTS) AS r(i)
"""
NESTED_ROWS = FLAT_ROWS.replace(
    "FROM range",
    """, CASE WHEN i % 3 = 1 THEN [{SKU: 'sku-' || i % 50, quantity: i % 5, priceTotal: 9.5 * (i % 5)}] END
        AS productListItems,
    MAP {'ECID': [{id: lpad(CAST(hash(i % 10000) AS VARCHAR), 38, '1'), "primary": true}]} AS identityMap
FROM range""",
)
CELLS = ", ".join(f"""{".".join(quoted(p) for p in path.split("."))} AS {quoted(path)}""" for path, _ in FLAT.leaves())


def columns(t: Object) -> str:
    """Return DuckDB's `columns` parameter for rows of *t*."""
    return ", ".join(f"{literal(f.name)}: {literal(sql_type(f.type))}" for f in t.fields)


def cells() -> str:
    """Return DuckDB's `columns` parameter for the CSV file."""
    return ", ".join(f"{literal(path)}: {literal(sql_type(f.type))}" for path, f in FLAT.leaves())


def write_inputs(folder: Path, events: int) -> None:
    """Write the same events in every format."""
    connection = duckdb.connect()
    nested, flat = (sql.replace("EVENTS", str(events)) for sql in (NESTED_ROWS, FLAT_ROWS))
    exact = ", ".join(f"{quoted(f.name)}::{sql_type(f.type)} AS {quoted(f.name)}" for f in NESTED.fields)
    for name, sql, options in (
        ("lines.json", nested, "FORMAT json"),
        ("array.json", nested, "FORMAT json, ARRAY true"),
        ("cells.csv", f"SELECT {CELLS} FROM ({flat})", "FORMAT csv, HEADER true"),
        ("micros.parquet", nested, "FORMAT parquet"),
        ("exact.parquet", f"SELECT {exact} FROM ({nested})", "FORMAT parquet"),
    ):
        connection.execute(f"COPY ({sql}) TO {literal(str(folder / name))} ({options})")


def cases(folder: Path) -> list[tuple[str, InputFormat, Object, str]]:
    """Return (file, format, type of its rows, how DuckDB reads it)."""
    json = f"columns = {{{columns(NESTED)}}}"
    return [
        ("lines.json", InputFormat("json"), NESTED, f"read_json(FILE, {json}, format = 'newline_delimited')"),
        ("array.json", InputFormat("json"), NESTED, f"read_json(FILE, {json}, format = 'array')"),
        ("cells.csv", InputFormat("csv"), FLAT, f"read_csv(FILE, columns = {{{cells()}}}, header = true)"),
        ("micros.parquet", InputFormat("parquet"), NESTED, "read_parquet(FILE)"),
        ("exact.parquet", InputFormat("parquet"), NESTED, "read_parquet(FILE)"),
    ]


def seconds(work: Callable[[], object]) -> float:
    """Return the shorter of two runs."""
    taken = []
    for _ in range(2):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return min(taken)


def copy(source: str, target: Path) -> None:
    """Copy a file to Parquet with DuckDB alone, under the memory and threads that the engine has."""
    with duckdb.connect(config={"threads": 2, "memory_limit": "512MiB", "preserve_insertion_order": False}) as c:
        c.execute(f"COPY (SELECT * FROM {source}) TO {literal(str(target))} (FORMAT parquet, COMPRESSION zstd)")


def main(events: int) -> None:
    """Run all cases and print the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_inputs(folder, events)
        engine = Engine(folder / "scratch", 1024, 2, 2)
        print(f"{'file':16}{'MB':>8}{'limbeck rows/s':>18}{'duckdb rows/s':>18}{'ratio':>8}")
        for file, how, wanted, source in cases(folder):
            path = folder / file
            out = folder / f"out-{file}"
            out.mkdir()
            schema = Schema("events", "1.0", "Events", "event", "time-series", wanted)
            staged = [StagedFile(file, path)]
            ours = seconds(lambda s=staged, h=how, w=schema, o=out: convert(engine, s, h, w, o))
            theirs = seconds(lambda s=source, p=path: copy(s.replace("FILE", literal(str(p))), folder / "copy.parquet"))
            size = path.stat().st_size / 1e6
            print(f"{file:16}{size:8.0f}{events / ours:18,.0f}{events / theirs:18,.0f}{theirs / ours:8.2f}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS)
