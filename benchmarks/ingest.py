"""How fast each format is validated and converted, beside DuckDB copying the same file without any check.

    python benchmarks/ingest.py [EVENTS]
    python benchmarks/ingest.py --memory [EVENTS]

The first prints rows a second for both, their ratio, that of the processors' time, and the memory that each needs at
its peak above what an idle process does. They take turns, each in a process of its own, and the better of their runs
counts; EVENTS is 1,000,000 unless given. The second prints the peaks alone, for files of a fourth of EVENTS and of all.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

from limbeck.engine import Engine
from limbeck.engine.sql import literal, quoted
from limbeck.ingest import InputFormat, StagedFile, convert
from limbeck.ingest.columns import sql_type
from limbeck.xdm.types import Array, Field, Map, Object, Scalar, Schema

EVENTS, RUNS = 1_000_000, 2
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


def inputs() -> dict[str, tuple[str, str]]:
    """Return, for each file, the SELECT of its rows (with EVENTS for their number) and how DuckDB writes them."""
    exact = ", ".join(f"{quoted(f.name)}::{sql_type(f.type)} AS {quoted(f.name)}" for f in NESTED.fields)
    return {
        "lines.json": (NESTED_ROWS, "FORMAT json"),
        "array.json": (NESTED_ROWS, "FORMAT json, ARRAY true"),
        "cells.csv": (f"SELECT {CELLS} FROM ({FLAT_ROWS})", "FORMAT csv, HEADER true"),
        "micros.parquet": (NESTED_ROWS, "FORMAT parquet"),
        "exact.parquet": (f"SELECT {exact} FROM ({NESTED_ROWS})", "FORMAT parquet"),
    }


def write_input(folder: Path, name: str, events: int) -> Path:
    """Write *events* events as the file *name*, and return its path."""
    sql, options = inputs()[name]
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({sql.replace('EVENTS', str(events))}) TO {literal(str(folder / name))} ({options})")
    return folder / name


def cases(folder: Path) -> list[tuple[str, InputFormat, Object, str]]:
    """Return (file, format, type of its rows, how DuckDB reads it)."""
    rows = f"columns = {{{columns(NESTED)}}}"
    return [
        ("lines.json", InputFormat("json"), NESTED, f"read_json(FILE, {rows}, format = 'newline_delimited')"),
        ("array.json", InputFormat("json"), NESTED, f"read_json(FILE, {rows}, format = 'array')"),
        ("cells.csv", InputFormat("csv"), FLAT, f"read_csv(FILE, columns = {{{cells()}}}, header = true)"),
        ("micros.parquet", InputFormat("parquet"), NESTED, "read_parquet(FILE)"),
        ("exact.parquet", InputFormat("parquet"), NESTED, "read_parquet(FILE)"),
    ]


def copy(source: str, target: Path) -> None:
    """Copy a file to Parquet with DuckDB alone, under the memory and threads that the engine has."""
    with duckdb.connect(config={"threads": 2, "memory_limit": "512MiB", "preserve_insertion_order": False}) as c:
        c.execute(f"COPY (SELECT * FROM {source}) TO {literal(str(target))} (FORMAT parquet, COMPRESSION zstd)")


def converted(path: Path, how: InputFormat, wanted: Object) -> None:
    """Validate and convert a file as the platform does."""
    out = path.with_name(f"out-{path.name}")
    out.mkdir(exist_ok=True)
    schema = Schema("events", "1.0", "Events", "event", "time-series", wanted)
    convert(Engine(path.parent / "scratch", 1024, 2, 2), [StagedFile(path.name, path)], how, schema, out)
    shutil.rmtree(out)


def measure(who: str, path: Path) -> None:
    """Let *who* read *path* in this process; print seconds of the clock, of processors, and MB above what is idle."""
    _, how, wanted, source = next(case for case in cases(path.parent) if case[0] == path.name)
    idle, start, busy = resident("VmRSS"), time.perf_counter(), time.process_time()
    if who == "limbeck":
        converted(path, how, wanted)
    else:
        copy(source.replace("FILE", literal(str(path))), path.parent / "copy.parquet")
    print(json.dumps([time.perf_counter() - start, time.process_time() - busy, resident("VmHWM") - idle]))


def measured(who: str, path: Path) -> list[float]:
    """Return what `measure` prints in a process of its own."""
    child = [sys.executable, __file__, "--measure", who, str(path)]
    return list(json.loads(subprocess.run(child, check=True, capture_output=True, text=True).stdout))


def resident(what: str) -> float:
    """Return this process's resident memory in MB: `VmRSS` now, `VmHWM` at its peak (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith(what))


def memory(events: int) -> None:
    """Print the peak memory of both for files of a fourth of *events*, and of all of them."""
    print(f"{'file':16}{'events':>12}{'MB':>8}{'limbeck peak MB':>18}{'duckdb peak MB':>18}")
    for name in inputs():
        for some in (events // 4, events):
            with tempfile.TemporaryDirectory() as temporary:
                path = write_input(Path(temporary), name, some)
                ours, theirs = (measured(who, path)[2] for who in ("limbeck", "duckdb"))
                print(f"{name:16}{some:12,}{path.stat().st_size / 1e6:8.0f}{ours:18.0f}{theirs:18.0f}", flush=True)


def main(events: int) -> None:
    """Run all cases and print the table."""
    print(f"{'file':16}{'MB':>6}{'limbeck rows/s':>16}{'duckdb rows/s':>16}{'ratio':>7}{'of CPU':>8}{'MB':>6}{'MB':>6}")
    for name, *_ in cases(Path()):
        with tempfile.TemporaryDirectory() as temporary:
            path = write_input(Path(temporary), name, events)
            turns = [(measured("limbeck", path), measured("duckdb", path)) for _ in range(RUNS)]
            (ours, our_cpu, our_peak), (theirs, their_cpu, their_peak) = (
                [min(column) for column in zip(*of, strict=True)] for of in zip(*turns, strict=True)
            )
            print(
                f"{name:16}{path.stat().st_size / 1e6:6.0f}{events / ours:16,.0f}{events / theirs:16,.0f}"
                f"{theirs / ours:7.2f}{their_cpu / our_cpu:8.2f}{our_peak:6.0f}{their_peak:6.0f}",
                flush=True,
            )


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--memory", *count]:
            memory(int(count[0]) if count else EVENTS)
        case ["--measure", who, path]:
            measure(who, Path(path))
        case count:
            main(int(count[0]) if count else EVENTS)
